/** Rules, unit, manifests and provisioning: parsed, and held against each other and against what the program does. No cluster is asked. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'
import { buildProgram } from '../../src/cli/program.ts'
import { loadPolicy } from '../../src/policy/load.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

const rulesOf = (file: string): readonly Rule[] =>
  (parse(text(`deploy/prometheus/${file}`)) as { groups: readonly { rules: readonly Rule[] }[] }).groups.flatMap(({ rules }) => rules)

test('every YAML file below deploy is one that can be read', () => {
  const files = readdirSync(join(ROOT, 'deploy'), { recursive: true, encoding: 'utf8' }).filter((file) => /\.ya?ml$/.test(file))
  assert.ok(files.length >= 12, files.join(' '))
  for (const file of files)
    for (const { errors, warnings } of parseAllDocuments(text(join('deploy', file)))) assert.deepEqual([...errors, ...warnings], [], file)
})

test('every alert says what, why and which page, has a severity, and a case in the tests of the rules', () => {
  const tests = text('deploy/prometheus/tests.yml')
  const alerts = rulesOf('alerts.yml')
  assert.ok(alerts.length > 15)
  for (const { alert, labels, annotations } of alerts) {
    assert.ok(['critical', 'warning', 'info'].includes(labels?.['severity'] ?? ''), alert)
    assert.ok(annotations?.['summary'] && annotations['description'], alert)
    assert.ok(existsSync(join(ROOT, annotations['runbook'] ?? '?')), `${alert}: ${annotations['runbook']}`)
    const fires = new RegExp(`alertname: ${alert}\\n\\s+eval_time: \\w+\\n\\s+exp_alerts:\\n`)
    assert.match(tests, fires, `${alert} never fires in the tests of the rules`)
  }
})

test('what the compose file gives Prometheus and Grafana is there, and they look where it is put', () => {
  const compose = parse(text('docker-compose.yml'), { merge: true }) as {
    services: Record<string, { volumes: string[]; network_mode?: string; ports?: string[] }>
  }
  const { prometheus, grafana, flyball } = compose.services as Record<
    'prometheus' | 'grafana' | 'flyball',
    (typeof compose.services)[string]
  >
  assert.equal(prometheus.network_mode, 'service:flyball')
  assert.ok(flyball.ports?.includes('127.0.0.1:9090:9090'), 'whoever shares a network publishes through its owner')
  const config = parse(text('deploy/prometheus/prometheus.yml')) as { rule_files: string[]; scrape_configs: { job_name: string }[] }
  for (const file of config.rule_files) assert.ok(existsSync(join(ROOT, 'deploy/prometheus', file)), file)
  assert.deepEqual(
    config.scrape_configs.map(({ job_name }) => job_name),
    ['flyball'],
    'as the alert about it says',
  )
  const provider = parse(text('deploy/grafana/provisioning/dashboards/flyball.yml')) as { providers: { options: { path: string } }[] }
  assert.ok(grafana.volumes.includes(`./deploy/grafana/dashboards:${provider.providers[0]!.options.path}:ro`))
})

interface Container {
  readonly args: readonly string[]
  readonly ports: readonly { name: string; containerPort: number }[]
  readonly securityContext: { readOnlyRootFilesystem: boolean; allowPrivilegeEscalation: boolean; capabilities: { drop: string[] } }
  readonly volumeMounts: readonly { name: string; mountPath: string }[]
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}

interface Manifest {
  readonly kind: string
  readonly spec: Record<string, unknown>
}

const manifest = (file: string): Manifest => parse(text(`deploy/kubernetes/${file}`)) as Manifest
const kustomization = parse(text('deploy/kubernetes/kustomization.yaml')) as {
  resources: string[]
  configMapGenerator: { name: string; files: string[] }[]
}

test('the manifests name files that are there, and every manifest is named', () => {
  const here = readdirSync(join(ROOT, 'deploy/kubernetes')).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
  const named = [...kustomization.resources, ...kustomization.configMapGenerator.flatMap(({ files }) => files)]
  assert.deepEqual(named.sort(), here.sort())
  assert.deepEqual(
    kustomization.resources
      .filter((file) => file !== 'flyball.yaml')
      .map((file) => manifest(file).kind)
      .sort(),
    ['Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'ServiceAccount'],
  )
})

test('the pod is nobody, writes nothing, is asked by probes that exist, and reads the policy that is mounted', async () => {
  const { template } = manifest('deployment.yaml').spec as {
    template: {
      spec: { securityContext: Record<string, unknown>; containers: Container[]; volumes: { name: string; configMap?: { name: string } }[] }
    }
  }
  const pod = template.spec
  const [container] = pod.containers as [Container]
  assert.equal(pod.securityContext['runAsNonRoot'], true)
  assert.equal(`${pod.securityContext['runAsUser']}:${pod.securityContext['runAsGroup']}`, /^USER (\d+:\d+)$/m.exec(text('Dockerfile'))![1])
  assert.equal(container.securityContext.readOnlyRootFilesystem, true)
  assert.equal(container.securityContext.allowPrivilegeEscalation, false)
  assert.deepEqual(container.securityContext.capabilities.drop, ['ALL'])
  assert.equal(container.startupProbe.httpGet.path, '/livez')
  assert.equal(container.livenessProbe.httpGet.path, '/livez')
  assert.equal(container.readinessProbe.httpGet.path, '/readyz')
  const command = (await buildProgram()).commands.find((one) => one.name() === container.args[0])!
  for (const arg of container.args.filter((one) => one.startsWith('--')))
    assert.ok(
      command.options.some(({ long }) => long === arg),
      arg,
    )
  const port = command.options.find(({ long }) => long === '--metrics-port')!.defaultValue as number
  assert.deepEqual(container.ports, [{ name: 'metrics', containerPort: port }])
  for (const { name } of container.volumeMounts)
    assert.ok(
      pod.volumes.some((volume) => volume.name === name),
      name,
    )
  const mounted = container.volumeMounts.map(({ mountPath }) => mountPath)
  assert.ok(mounted.some((path) => container.args.includes(`${path}/flyball.yaml`)))
  const { policy } = loadPolicy(join(ROOT, 'deploy/kubernetes/flyball.yaml'))
  assert.equal(policy.metrics?.host, '0.0.0.0')
  assert.ok(
    mounted.some((path) => policy.metrics?.tokenFile?.startsWith(path)),
    'the door is open to other machines, so it has a token',
  )
})

test('service, budget and network policy are about the pods of the deployment', () => {
  const labels = (file: string, ...path: readonly string[]): unknown =>
    path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], manifest(file).spec)
  const pods = labels('deployment.yaml', 'template', 'metadata', 'labels')
  assert.deepEqual(labels('deployment.yaml', 'selector', 'matchLabels'), pods)
  assert.deepEqual(labels('service.yaml', 'selector'), pods)
  assert.deepEqual(labels('poddisruptionbudget.yaml', 'selector', 'matchLabels'), pods)
  assert.deepEqual(labels('networkpolicy.yaml', 'podSelector', 'matchLabels'), pods)
})

test('the unit starts commands that exist, and does not start again what is wrong in the policy', async () => {
  const unit = text('deploy/systemd/flyball.service')
  const program = await buildProgram()
  const lines = [...unit.matchAll(/^Exec\w+=\/usr\/bin\/node \/opt\/flyball\/dist\/src\/main\.js (\w+)(.*)$/gm)]
  assert.deepEqual(
    lines.map(([, verb]) => verb),
    ['validate', 'run'],
  )
  for (const [, verb, rest] of lines) {
    const command = program.commands.find((one) => one.name() === verb)!
    for (const [flag] of rest!.matchAll(/--[a-z-]+/g))
      assert.ok(
        command.options.some(({ long }) => long === flag),
        flag,
      )
  }
  assert.match(unit, /^RestartPreventExitStatus=2$/m)
  assert.match(text('docs/operating.md'), /^\| 2 +\| usage or configuration/m)
  for (const setting of ['NoNewPrivileges=yes', 'ProtectSystem=strict', 'User=flyball', 'CapabilityBoundingSet='])
    assert.ok(unit.includes(`\n${setting}\n`), setting)
})
