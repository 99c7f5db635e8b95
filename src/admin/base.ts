/** Where the admin API answers. */
export const ADMIN_BASE = '/admin/v1';
