/** A database file is damaged: the command ends with the exit code of findings (4). */
export class DamagedDatabase extends Error {}
