import { type Config, ConfigError } from './config.js';

/** @throws ConfigError without a seal key outside development */
export function expectSealKey({ sealKey, development, url }: Pick<Config, 'sealKey' | 'development' | 'url'>): void {
  if (sealKey === undefined && !development)
    throw new ConfigError(
      `HOLDFAST_SEAL_KEY is missing. ${url} is no development URL, so signing keys are not sealed with a key that lies beside them. Make one with: openssl rand -base64 32`,
    );
}
