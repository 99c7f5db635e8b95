/** How an operator reports a fault; it never leaves this folder. */
export type FaultCode = 'policy_operator_type' | 'policy_combination' | 'policy_merge' | 'policy_violation';
export class PolicyFault extends Error {
  constructor(
    readonly code: FaultCode,
    message: string,
  ) {
    super(message);
  }
}
