/**
 * The tree of routes with what each takes from the one above it: destinations, groups and times. A list of routes is a tree whose root
 * sends nothing. What a route matches, and whether it goes on, is its own.
 */
import type { KeyPath } from './faults.ts'
import type { Policy } from './policy.ts'

export type RouteKeys = NonNullable<Policy['alerts']>['routes'][number]

/** A route as it works. */
export interface InheritedRoute {
  readonly written: RouteKeys
  readonly path: KeyPath
  readonly sinks: readonly string[]
  /** Undefined: as suits each destination. */
  readonly groupBy: RouteKeys['groupBy']
  readonly groupWait: number
  readonly groupInterval: number
  readonly repeatInterval: number
  /** 1: it stands in the list itself. */
  readonly depth: number
  readonly routes: readonly InheritedRoute[]
}

type Given = Pick<InheritedRoute, 'sinks' | 'groupBy' | 'groupWait' | 'groupInterval' | 'repeatInterval' | 'depth'>

const ROOT: Given = { sinks: [], groupBy: undefined, groupWait: 30_000, groupInterval: 5 * 60_000, repeatInterval: 4 * 3_600_000, depth: 0 }

/** A tree that is deeper is refused, and looked at no further. */
export const ROUTE_DEPTH_MAX = 8

export function inheritedRoutes(
  routes: readonly RouteKeys[],
  path: KeyPath = ['alerts', 'routes'],
  above = ROOT,
): readonly InheritedRoute[] {
  return routes.map((written, index) => {
    const own = [...path, index]
    const given: Given = {
      sinks: written.sinks ?? above.sinks,
      groupBy: written.groupBy ?? above.groupBy,
      groupWait: written.groupWait ?? above.groupWait,
      groupInterval: written.groupInterval ?? above.groupInterval,
      repeatInterval: written.repeatInterval ?? above.repeatInterval,
      depth: above.depth + 1,
    }
    const below = given.depth > ROUTE_DEPTH_MAX ? [] : written.routes
    return { written, path: own, ...given, routes: inheritedRoutes(below, [...own, 'routes'], given) }
  })
}
