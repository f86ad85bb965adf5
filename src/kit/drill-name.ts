/** The name under which a model is drilled. One rule for the policy, the command line and gateways. */
const SUFFIX = '.drill'

export function drillName(model: string): string {
  return `${model}${SUFFIX}`
}
