import { AggregatorRegistry, Counter, Histogram, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';

/** How requests are counted, by every process that answers them. */
export interface Requests {
  readonly requests: Registry;
  request(method: string, plane: string, status: number, seconds: number): void;
}

export function countRequests(): Requests {
  const requests = new Registry();
  const answered = new Counter({
    name: 'holdfast_requests_total',
    help: 'Requests answered',
    labelNames: ['method', 'plane', 'status'],
    registers: [requests],
  });
  const took = new Histogram({
    name: 'holdfast_request_seconds',
    help: 'Time to answer',
    labelNames: ['plane'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
    registers: [requests],
  });
  return {
    requests,
    request(method, plane, status, time) {
      answered.inc({ method, plane, status });
      took.observe({ plane }, time);
    },
  };
}

/** Some counts as plain values: of one process, or of several together. */
export type Counts = readonly MetricObjectWithValues<MetricValue<string>>[];
export const registryOf = (all: readonly Counts[]): Registry => AggregatorRegistry.aggregate(all as MetricObjectWithValues<MetricValue<string>>[][]);
export const countsOf = ({ requests }: Requests): Promise<Counts> => requests.getMetricsAsJSON();
export const together = (...all: readonly Counts[]): Promise<Counts> => registryOf(all).getMetricsAsJSON();
