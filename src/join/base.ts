/** Where strangers apply. */
export const JOIN_BASE = '/join/v1';
