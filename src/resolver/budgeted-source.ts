import type { Budget } from '../outbound/evaluation-budget.js';
import type { StatementSource } from './source.js';

/** The same source; every statement asked for is paid for by the budget, wherever it comes from. */
export function budgetedSource(source: StatementSource, budget: Budget): StatementSource {
  const size = (text: string): number => text.length;
  return {
    configuration: (id, anew) => budget.exchange(id, size, () => source.configuration(id, anew)),
    fromCache: (id) => source.fromCache?.(id) ?? false,
    statement: (superior, subject) => budget.exchange(superior.fetchEndpoint, size, () => source.statement(superior, subject)),
  };
}
