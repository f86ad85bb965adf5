/** The name under which a model is drilled. One rule for the policy, the command line and gateways. */
const SUFFIX = '.drill'

export function drillName(model: string): string {
  return `${model}${SUFFIX}`
}

/** The model that is drilled under this name; null: it is no shadow's. */
export function drilledBy(name: string): string | null {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : null
}
