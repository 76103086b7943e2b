/** Values of the chart to try: what each may be instead, and what people get wrong. */
import type { Values } from "./chart.ts";

export const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

/** For every value another one, that has to show. The second part is what the first needs to count. */
export const OTHERS: Readonly<Record<string, readonly [value: unknown, needs?: Values]>> = {
  replicaCount: [3],
  "image.registry": ["registry.example.com"],
  "image.repository": ["team/portcullis"],
  "image.tag": ["9.9.9"],
  "image.digest": [DIGEST],
  "image.pullPolicy": ["Always"],
  imagePullSecrets: [[{ name: "registry" }]],
  nameOverride: ["gate"],
  fullnameOverride: ["gate"],
  "serviceAccount.annotations": [{ "example.com/a": "b" }],
  podAnnotations: [{ "example.com/a": "b" }],
  podLabels: [{ "example.com/a": "b" }],
  podSecurityContext: [{ runAsUser: 1000 }],
  securityContext: [{ runAsNonRoot: true }],
  "service.port": [8443],
  "service.annotations": [{ "example.com/a": "b" }],
  resources: [{ limits: { cpu: 2 } }],
  initResources: [{ limits: { cpu: "1" } }],
  strategy: [{ rollingUpdate: { maxSurge: 2 } }],
  nodeSelector: [{ "kubernetes.io/arch": "arm64" }],
  tolerations: [[{ operator: "Exists" }]],
  affinity: [{ nodeAffinity: {} }],
  topologySpreadConstraints: [[{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }]],
  terminationGracePeriodSeconds: [90],
  priorityClassName: [""],
  "autoscaling.enabled": [true],
  "autoscaling.minReplicas": [3, { autoscaling: { enabled: true } }],
  "autoscaling.maxReplicas": [9, { autoscaling: { enabled: true } }],
  "autoscaling.targetCPUUtilizationPercentage": [50, { autoscaling: { enabled: true } }],
  "podDisruptionBudget.enabled": [false],
  "podDisruptionBudget.minAvailable": ["50%"],
  "networkPolicy.enabled": [false],
  "networkPolicy.apiServerPorts": [[16443]],
  "resourceQuota.enabled": [true],
  hostNetwork: [true],
  dnsPolicy: ["ClusterFirstWithHostNet"],
  "ports.webhook": [10250],
  "ports.health": [18080],
  "ports.keeper": [18081],
  mode: ["auditOnly"],
  excludeNamespaces: [["velero"]],
  "policies.shipped": [{ "namespace-owner": true }],
  "policies.files": [{ "own.yaml": "# nothing yet\n" }],
  "certificates.renewal": ["restart"],
  "certificates.store": ["secret"],
  "certificates.keyAlgorithm": ["rsa-2048"],
  "certificates.validity": ["90d"],
  "rotation.schedule": ["0 4 * * *", { certificates: { renewal: "restart" } }],
  "cleanup.enabled": [false],
  "monitoring.labels": [{ release: "prometheus" }, { monitoring: { serviceMonitor: { enabled: true } } }],
  "monitoring.serviceMonitor.enabled": [true],
  "monitoring.prometheusRule.enabled": [true],
  "monitoring.grafanaDashboard.enabled": [true],
  logLevel: ["debug"],
  volumes: [[{ name: "callers", configMap: { name: "callers" } }]],
  volumeMounts: [[{ name: "callers", mountPath: "/etc/portcullis/callers" }]],
  extraEnv: [[{ name: "DRAIN_SECONDS", value: "20" }]],
};

/** Every object that the chart can make, but for what `restart` makes in the keeper's place. */
const EVERYTHING: Values = {
  service: { port: 8443 },
  autoscaling: { enabled: true },
  resourceQuota: { enabled: true },
  certificates: { store: "secret" },
  monitoring: {
    labels: { "1": "1" },
    serviceMonitor: { enabled: true },
    prometheusRule: { enabled: true },
    grafanaDashboard: { enabled: true },
  },
  imagePullSecrets: [{ name: "2" }],
  podAnnotations: { a: "3" },
  podLabels: { a: "4" },
  serviceAccount: { annotations: { a: "5" } },
  nodeSelector: { a: "6" },
  priorityClassName: "7",
  extraEnv: [{ name: "A", value: "8" }],
};

/** Text that YAML reads as something else where it stands without quotes. */
export const MISREADABLE: readonly Values[] = [
  { ...EVERYTHING, fullnameOverride: "true", nameOverride: "null", excludeNamespaces: ["789"] },
  {
    ...EVERYTHING,
    fullnameOverride: "null",
    nameOverride: "true",
    excludeNamespaces: ["1e3"],
    certificates: { renewal: "restart" },
  },
];

const NONE = { "required-labels": false, "ingress-bucket": false, "velero-backup": false };

/** What somebody might write, and what the answer has to name. */
export const MISTAKES: readonly (readonly [values: Values, named: RegExp])[] = [
  [{ replicas: 3 }, /additional properties 'replicas' not allowed/],
  [{ image: { digst: DIGEST } }, /at '\/image': additional properties 'digst' not allowed/],
  [{ image: { digest: "sha256:short" } }, /at '\/image\/digest': .*pattern/],
  [{ image: { repository: "portcullis:0.1.0" } }, /at '\/image\/repository': .*pattern/],
  [{ image: { tag: 1.1 } }, /at '\/image\/tag': got number, want string/],
  [{ replicaCount: "2" }, /at '\/replicaCount': got string, want integer/],
  [{ replicaCount: 0 }, /at '\/replicaCount': minimum: got 0, want 1/],
  [{ volumes: { name: "callers" } }, /at '\/volumes': got object, want array/],
  [{ mode: "audit" }, /at '\/mode': value must be one of 'enforce', 'enforceLabelled', 'auditOnly'/],
  [{ ports: { webhook: 70000 } }, /at '\/ports\/webhook': maximum/],
  [{ excludeNamespaces: "velero" }, /at '\/excludeNamespaces': got string, want array/],
  [
    { policies: { shipped: { velero: false } } },
    /at '\/policies\/shipped': additional properties 'velero' not allowed/,
  ],
  [{ policies: { files: { "enforcement.yaml": "a" } } }, /enforcement\.yaml is for an Enforcement; set mode instead/],
  [{ policies: { files: { policy: "a" } } }, /at '\/policies\/files': additional properties 'policy' not allowed/],
  [{ policies: { files: { "own.yaml": "kind: Enforcement\n" } } }, /own\.yaml is for an Enforcement; set mode instead/],
  [{ policies: { shipped: NONE } }, /policies: none is left/],
  [
    { resourceQuota: { enabled: true }, priorityClassName: "" },
    /resourceQuota: it is for Pods of priorityClassName, which is empty/,
  ],
  [{ certificates: { validity: "1y" } }, /at '\/certificates\/validity'/],
  [{ resources: { cpu: "1" } }, /at '\/resources': .*additional properties 'cpu' not allowed/s],
  [{ podAnnotations: { a: true } }, /at '\/podAnnotations.*got boolean, want string/s],
];
