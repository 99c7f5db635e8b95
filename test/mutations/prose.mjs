/**
 * Prose is not behavior: what a finding or an error says in words is not mutated (tests hold its code, its place and the
 * words that matter). Codes, claim names and media types hold no space and stay in. So do conditions around a text.
 */
export const prose = {
  shouldIgnore(path) {
    if (path.isStringLiteral() && / /.test(path.node.value)) return 'prose';
    if (path.isTemplateLiteral() && path.node.quasis.some((each) => / /.test(each.value.raw))) return 'prose';
    return undefined;
  },
};
