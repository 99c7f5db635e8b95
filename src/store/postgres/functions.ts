/**
 * The words of SQLite that the one SQL text of the store uses, for PostgreSQL: functions in a schema of their own, found
 * before PostgreSQL's by the search path of each connection. They need no rights but those of the database's owner.
 * JSON travels as text on every engine, so values come out as text: a statement that writes them into a column of numbers
 * says CAST.
 */
export const WORDS_SCHEMA = 'holdfast_words';

/** '$.name' and '$[3]' as the path of PostgreSQL; folded into a constant where the path is one. */
const PATH = `string_to_array(ltrim(replace(replace(path, '[', '.'), ']', ''), '$.'), '.')`;

/** Of numbers; NULL where one is NULL, as on SQLite. */
const least = (name: string, of: string, n: number) =>
  `CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.${name}(${Array(n).fill('float8').join(', ')}) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT ${of}(${Array.from({ length: n }, (_, at) => `$${at + 1}`).join(', ')}) $$;
`;

export const WORDS = `
CREATE SCHEMA IF NOT EXISTS ${WORDS_SCHEMA};
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.json_each(document text) RETURNS TABLE (key bigint, value text)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10 AS
$$ SELECT ordinality - 1, one FROM json_array_elements_text(document::json) WITH ORDINALITY AS each (one, ordinality) $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.json_extract(document text, path text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT document::json #>> ${PATH} $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.json_array_length(document text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT pg_catalog.json_array_length(document::json)::bigint $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.json_array_length(document text, path text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT pg_catalog.json_array_length(document::json #> ${PATH})::bigint $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.json_valid(document text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS
$$ BEGIN PERFORM document::json; RETURN true; EXCEPTION WHEN data_exception THEN RETURN false; END $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.typeof(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN $1 IS NULL THEN 'null' ELSE 'text' END $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.typeof(float8) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN $1 IS NULL THEN 'null' ELSE 'real' END $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.instr(text, text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT strpos($1, $2)::bigint $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.json_quote(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT to_json($1)::text $$;
${[2, 3, 4].flatMap((n) => [least('min', 'least', n), least('max', 'greatest', n)]).join('')}CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.json(text) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT $1::json $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.json_set(document text, path text, value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT jsonb_set(document::jsonb, ${PATH}, value::jsonb)::text $$;
CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.json_insert(document text, path text, value json) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (document::jsonb || jsonb_build_array(value::jsonb))::text $$;
`;
