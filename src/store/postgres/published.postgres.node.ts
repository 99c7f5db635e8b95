import { createPublished, type Published } from '../published.js';
import { NO_CACHE } from '../published-cache.js';
import { askedFor } from './connection.node.js';
import { objectsOf, type Pool } from './pool.node.js';
import { numbered } from './translate.js';

/** The public view on one server, each answer read when it is asked for. */
export const publishedOnPostgres = (pool: Pool): Published =>
  createPublished(async (text, params) => objectsOf(await pool.query(numbered(text), params.map(askedFor))), NO_CACHE);
