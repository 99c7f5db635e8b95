import {
  createKeyCache,
  type Finding,
  finding,
  isEntityId,
  type JwkSet,
  limits,
  maySpeakFor,
  parseEntityId,
  parseJwkSet,
  type SpokenName,
  type VouchedIssuer,
  type TrustChain,
} from '../federation/entry.js';
import type { Outbound } from '../outbound/outbound.js';
import { fetchedStatements } from '../resolver/source.js';
import { type Admission, type AdmitOptions, type Admitted, protocolOf, type Refused } from './admission.js';
import { authorityOfDocument, clientDocuments, keysWithin } from './client-documents.js';
import { type Clock, systemClock } from './clock.js';
import { contextOf } from './context.js';
import { findChain, type Resolver } from './find-chain.js';
import { checkChain } from './gate/gate.js';
import type { GateResult } from './gate/gate-result.js';
import { liveStatements } from './gate/live-statements.js';
import { statusLists } from './gate/status-lists.js';
import { createMarks } from './marks.js';
import { cached, type Mode } from './modes.js';
import type { GateVerdict } from './registration/admit-registration.js';
import { registrationGate } from './registration/gate.js';
import type { SignedRegistration } from './registration/read-signed.js';
import { createStandings, type Standing } from './standings.js';
import { type VerifiedResource, verifyResource, type VerifyResourceOptions } from './verify-resource.js';

export interface RelyingPartySettings {
  /** Trust Anchors by Entity Identifier, with keys obtained out of band. */
  readonly anchors: Readonly<Record<string, JwkSet>>;
  /** Asked for chains: then nothing is fetched from whoever wants to get in. Without one, chains are found by walking up from them. */
  readonly resolver?: Resolver;
  /** How fresh "in force" is; `cached(15)` when left out. */
  readonly mode?: Mode;
  /** Accept loopback http identifiers: for development on one machine. */
  readonly development?: boolean;
}

/** What the platform brings. */
export interface RelyingPartyPlatform {
  readonly outbound: Outbound;
  readonly clock?: Clock;
}

/** One relying party's view of its federations: made once, asked with every request. */
export interface RelyingParty {
  readonly anchors: Readonly<Record<string, JwkSet>>;
  readonly development: boolean;
  /** May this entity get in, as what, with which keys and for what? Never by its own word. */
  admit(entity: string, options: AdmitOptions): Promise<Admission>;
  /**
   * The client that somebody else knows by a client id: an entity, by its identifier, or by the Client ID Metadata Document that its
   * authority serves. That one has to be served now, by somebody above it.
   */
  admitClient(clientId: string, options: AdmitOptions): Promise<Admission>;
  /** Is it in force now: it and everybody between it and the Trust Anchor? */
  gate(entity: string, options?: Pick<AdmitOptions, 'anchor'>): Promise<GateResult>;
  /** Are the member, the statement and the token of a signed registration in force now (check g)? */
  gateRegistration(signed: SignedRegistration): Promise<GateVerdict>;
  /** May a token be sent to a resource (RFC 9728), and where is it asked for? */
  verifyResource(url: string, options?: VerifyResourceOptions): Promise<VerifiedResource>;
  /** By which of its issuers of a kind may an entity make assertions about a name? None: by none. */
  mayAssert(entity: string, kind: string, name: SpokenName): Promise<{ readonly issuers: readonly VouchedIssuer[]; readonly findings: readonly Finding[] }>;
}

/**
 * A relying party over a door to the network.
 * @throws TypeError for anchors that are none: a mistyped key would let nobody in, and nobody would know why
 */
export function relyingPartyOver(settings: RelyingPartySettings, { outbound, clock = systemClock }: RelyingPartyPlatform): RelyingParty {
  const { anchors, resolver, mode = cached(), development = false } = settings;
  requireAnchors(anchors, development);
  const source = fetchedStatements(outbound);
  const keyCache = createKeyCache(1000);
  const lists = statusLists({ outbound, mode, clock });
  const live = liveStatements({ outbound, source, mode, clock, development });
  const documents = clientDocuments({ outbound, mode, clock, development });
  const marks = createMarks({ anchors, outbound, source, mode, clock, development });
  const standings = createStandings({
    anchors,
    clock,
    development,
    keyCache,
    walks: resolver === undefined,
    check: (chain) => checkChain(chain, { anchors, mode, lists, statements: live }),
    search: (entity, anchor, hints) =>
      findChain(entity, { anchors: only(anchors, anchor), resolver, ...hints, outbound, source, live, clock, development, keyCache }),
  });

  async function stand(entity: string, anchor?: string, trustChain?: readonly string[]): Promise<Standing> {
    const id = parseEntityId(entity, { development });
    if (!id.ok) return { ok: false, error: 'invalid_subject', unavailable: false, findings: id.findings };
    if (anchor !== undefined && !Object.hasOwn(anchors, anchor))
      return { ok: false, error: 'invalid_trust_anchor', unavailable: false, findings: [finding('trust_anchor_unknown', anchor, 'it is not pinned here')] };
    return standings.stand(entity, anchor, trustChain && within(trustChain));
  }

  const refuse = (entity: string, { error, findings, unavailable, chain, statusSeq }: Omit<Standing & { ok: false }, 'ok'>): Refused => {
    const reason = unavailable ? 'unavailable' : 'denied';
    return { admitted: false, reason, error, findings, context: contextOf(entity, reason, chain, statusSeq) };
  };

  /** A pinned Trust Anchor is in force. */
  const gateOf = async (id: string): Promise<Pick<GateResult, 'inForce' | 'reason' | 'findings'>> =>
    Object.hasOwn(anchors, id) ? { inForce: true, findings: [] } : party.gate(id);

  const party: RelyingParty = {
    anchors,
    development,
    verifyResource: (url, how = {}) => verifyResource(url, how, { outbound, admit: party.admit }),
    async admit(entity, { anchor, requires, trustChain }) {
      const standing = await stand(entity, anchor, trustChain);
      if (!standing.ok) return refuse(entity, standing);
      const { chain, notBefore, statusSeq } = standing;
      const types = typeof requires.entityType === 'string' ? [requires.entityType] : requires.entityType;
      const entityType = types.find((type) => Object.hasOwn(chain.metadata, type));
      const metadata = entityType === undefined ? undefined : chain.metadata[entityType];
      if (entityType === undefined || metadata === undefined) {
        const unmet = finding('requirement_unmet', 'metadata', `it is none of ${types.join(', ')}`);
        return refuse(entity, { error: 'invalid_metadata', findings: [unmet], unavailable: false, chain, statusSeq });
      }
      for (const type of requires.marks ?? []) {
        const mark = await marks(chain, type);
        if (mark.state !== 'known')
          return refuse(entity, { error: 'invalid_client', findings: mark.findings, unavailable: mark.state === 'unavailable', chain, statusSeq });
      }
      const admitted: Admitted = {
        admitted: true,
        entity,
        anchor: chain.trustAnchor,
        entityType,
        metadata,
        allMetadata: chain.metadata,
        ...protocolOf(metadata),
        notBefore,
        chain,
        context: { ...contextOf(entity, 'admitted', chain, statusSeq), ...(requires.marks?.length && { marks: requires.marks }) },
      };
      return admitted;
    },
    async admitClient(clientId, options) {
      const authority = authorityOfDocument(clientId, development);
      const was = documents.was(clientId);
      // Nothing is fetched from an authority that nobody knows; and there are entities that are called like documents.
      const above = authority === undefined || was !== undefined ? undefined : await gateOf(authority);
      if (authority === undefined || above?.inForce === false) {
        const itself = await party.admit(clientId, options);
        if (itself.admitted || above?.reason !== 'unavailable') return itself;
        return refuse(clientId, { error: 'temporarily_unavailable', findings: above.findings, unavailable: true });
      }
      const document = await documents.get(clientId);
      const itself = document.state === 'denied' ? await party.admit(clientId, options) : undefined;
      if (itself?.admitted) return itself;
      if (document.state !== 'known') {
        const chain = was === undefined ? undefined : standings.known(was);
        const unavailable = document.state === 'unavailable';
        return refuse(was ?? clientId, { error: 'invalid_client', findings: document.findings, unavailable, ...(chain && { chain }) });
      }
      const admission = await party.admit(document.value.entity, options);
      if (!admission.admitted || superiorsIn(admission.chain).includes(authority)) return admission;
      // Of a member of two authorities the chain may lead by the other one: it names both itself. Nobody else says who somebody is, and
      // keys that are public prove nothing.
      const named = admission.chain.statements[0]?.claims.authority_hints?.some((hint) => hint === authority) === true;
      const other = named && keysWithin(document.value.jwks, admission.jwks) ? await gateOf(authority) : undefined;
      if (other?.inForce) return admission;
      const strange = finding('requirement_unmet', clientId, `it says that it is ${admission.entity}, and its authority is not above that one`);
      return refuse(clientId, { error: 'invalid_client', findings: [strange], unavailable: other?.reason === 'unavailable', chain: admission.chain });
    },
    async gate(entity, { anchor } = {}) {
      const standing = await stand(entity, anchor);
      return standing.ok
        ? {
            inForce: true,
            notBefore: standing.notBefore,
            superiors: superiorsIn(standing.chain),
            chain: standing.chain,
            findings: [],
            context: contextOf(entity, 'admitted', standing.chain, standing.statusSeq),
          }
        : { ...refusedGate(refuse(entity, standing)), notBefore: undefined };
    },
    async mayAssert(entity, kind, name) {
      const standing = await stand(entity);
      if (!standing.ok) return { issuers: [], findings: standing.findings };
      const about = standing.chain.statements[1]?.claims;
      const issuers = about?.sub === entity ? maySpeakFor(about, kind, name) : [];
      return issuers.length > 0
        ? { issuers, findings: [] }
        : { issuers, findings: [finding('requirement_unmet', entity, `no superior vouches for an issuer ${kind} of it for ${name.type} ${name.value}`)] };
    },
    gateRegistration: (signed) => gateRegistration(signed),
  };
  const gateRegistration = registrationGate({ federation: party, outbound, mode, clock });
  return party;
}

const refusedGate = ({ reason, findings, context }: Refused) => ({ inForce: false, reason, findings, context });

const superiorsIn = ({ statements }: TrustChain): readonly string[] => [...new Set(statements.slice(1).map(({ claims }) => claims.iss))];

/** A chain as somebody sent it; what is longer than any chain is none, and is not looked at. */
function within(trustChain: unknown): readonly string[] {
  if (!Array.isArray(trustChain) || trustChain.length > limits.MAX_CHAIN_DEPTH + 2 || !trustChain.every((one) => typeof one === 'string')) return [];
  return trustChain.reduce((sum: number, one: string) => sum + one.length, 0) > limits.MAX_CHAIN_BYTES ? [] : trustChain;
}

const only = (anchors: RelyingPartySettings['anchors'], anchor: string | undefined): RelyingPartySettings['anchors'] => {
  const pinned = anchor === undefined ? undefined : anchors[anchor];
  return anchor === undefined ? anchors : pinned ? { [anchor]: pinned } : {};
};

function requireAnchors(anchors: unknown, development: boolean): void {
  if (typeof anchors !== 'object' || anchors === null || Object.keys(anchors).length === 0) throw new TypeError('anchors: pin one Trust Anchor at least');
  for (const [id, jwks] of Object.entries(anchors)) {
    const found = [parseEntityId(id, { development }), parseJwkSet(jwks, `anchors/${id}`, { strict: false })].flatMap((one) => (one.ok ? [] : one.findings));
    if (found[0]) throw new TypeError(`anchors: ${found[0].where}: ${found[0].detail}. ${found[0].fix}${hint(id, development)}`);
  }
}

/** Whoever tries this out on one machine meets it first. */
const hint = (anchor: string, development: boolean): string =>
  !development && isEntityId(anchor, { development: true }) ? ' On one machine, to try it: `development: true` accepts http at loopback.' : '';
