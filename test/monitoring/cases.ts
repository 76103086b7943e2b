/**
 * When each alert fires, and when it doesn't, in the words of promtool: a sample a minute, `a+bxn` is a and n more, `_xn` are n
 * missing ones. In the last case of each alert it is only just not enough.
 */
export interface AlertCase {
  readonly alert: string;
  readonly what: string;
  readonly series: Readonly<Record<string, string>>;
  /** Minutes, with the labels that the alert has besides its severity. */
  readonly fires?: { readonly at: readonly number[]; readonly labels: Readonly<Record<string, string>> };
  readonly quiet: readonly number[];
}

const POD = { namespace: "portcullis", pod: "a" };
const OF_POD = 'namespace="portcullis",pod="a"';
const DAY = 86_400;

const calls: readonly AlertCase[] = [
  {
    alert: "PortcullisWritesFailing",
    what: "calls go on failing, until minute 25",
    series: { [rejected("calling_webhook_error", "1a2b3c4d.validate")]: "0x10 1+1x14 15x30" },
    fires: { at: [16, 25], labels: { name: "1a2b3c4d.validate.portcullis.dev" } },
    quiet: [15, 32],
  },
  {
    alert: "PortcullisWritesFailing",
    what: "a burst, verdicts, and somebody else's webhook",
    series: {
      [rejected("calling_webhook_error", "validate")]: "0x10 50x30",
      [rejected("no_error", "validate")]: "0+5x40",
      'apiserver_admission_webhook_rejection_count{error_type="calling_webhook_error",name="other.example.com"}':
        "0+5x40",
    },
    quiet: [11, 15, 16, 17, 30],
  },
  {
    alert: "PortcullisNotEnforcing",
    what: "calls fail, and no verdict is given, until minute 25",
    series: { [failedOpen("mutate")]: "0x10 1+1x30", portcullis_admission_reviews_total: "0+1x10 10x15 11+1x20" },
    fires: { at: [21, 25], labels: {} },
    quiet: [19, 28],
  },
  {
    alert: "PortcullisNotEnforcing",
    what: "some calls fail, and others get verdicts",
    series: { [failedOpen("validate")]: "0+1x60", 'portcullis_admission_reviews_total{pod="a"}': "0+1x60" },
    quiet: [10, 30],
  },
  {
    alert: "PortcullisFailOpen",
    what: "the first of its kind",
    series: { [failedOpen("validate")]: "_x10 1x60" },
    fires: { at: [11, 20], labels: { name: "validate.portcullis.dev" } },
    quiet: [9, 26],
  },
  {
    alert: "PortcullisFailOpen",
    what: "one more",
    series: { [failedOpen("validate")]: "3x30 4x60" },
    fires: { at: [31, 45], labels: { name: "validate.portcullis.dev" } },
    quiet: [30, 47],
  },
  {
    alert: "PortcullisFailOpen",
    what: "none since long ago, and somebody else's",
    series: {
      [failedOpen("validate")]: "3x90",
      'apiserver_admission_webhook_fail_open_count{name="other.dev"}': "0+1x90",
    },
    quiet: [16, 40],
  },
  ...(["mutating", "validating"] as const).map((gone) => ({
    alert: "PortcullisConfigurationGone",
    what: `the ${gone} one is gone, and comes back`,
    series: {
      kube_namespace_created: "1x40",
      ...configuration(gone, "1x10 _x15 1x15"),
      ...configuration(gone === "mutating" ? "validating" : "mutating", "1x40"),
      'kube_namespace_created{namespace="portcullis"}': "1x40",
    },
    // The last sample is good for five minutes.
    fires: {
      at: [22, 25],
      labels: { [`${gone}webhookconfiguration`]: "portcullis" },
    },
    quiet: [19, 29],
  })),
  {
    alert: "PortcullisConfigurationGone",
    what: "removed with its namespace; others have configurations",
    series: {
      'kube_namespace_created{namespace="portcullis"}': "1x10",
      'kube_namespace_created{namespace="other"}': "1x60",
      'kube_validatingwebhookconfiguration_info{validatingwebhookconfiguration="other"}': "1x60",
      ...configuration("validating", "1x9"),
      ...configuration("mutating", "1x9"),
    },
    quiet: [12, 20, 40],
  },
  {
    alert: "PortcullisConfigurationGone",
    what: "kube-state-metrics that knows no configurations",
    series: { 'kube_namespace_created{namespace="portcullis"}': "1x60" },
    quiet: [20, 40],
  },
];

const server: readonly AlertCase[] = [
  {
    alert: "PortcullisDown",
    what: "nobody is there, from the beginning until minute 10",
    series: { [`portcullis_connections{${OF_POD}}`]: "_x10 1x20" },
    fires: { at: [3, 9], labels: {} },
    quiet: [2, 11],
  },
  {
    alert: "PortcullisDown",
    what: "one of two is there",
    series: { [`portcullis_connections{${OF_POD}}`]: "1x5 stale", 'portcullis_connections{pod="b"}': "0x30" },
    quiet: [10, 29],
  },
  {
    alert: "PortcullisReplicaDown",
    what: "by kube-state-metrics",
    series: { [unavailable()]: "0x10 1x20 0x10" },
    fires: { at: [26, 31], labels: { namespace: "portcullis" } },
    quiet: [25, 33],
  },
  {
    alert: "PortcullisReplicaDown",
    what: "by a container that doesn't answer",
    series: {
      [`up{job="portcullis",${OF_POD}}`]: "1x10 0x20 1x10",
      'up{job="portcullis",namespace="portcullis",pod="b"}': "1x40",
    },
    fires: { at: [26, 31], labels: { namespace: "portcullis" } },
    quiet: [25, 33],
  },
  {
    alert: "PortcullisReplicaDown",
    what: "a rollout of fourteen minutes, and somebody else's",
    series: {
      [unavailable()]: "0x10 1x13 0x10",
      'kube_deployment_status_replicas_unavailable{namespace="portcullis",deployment="other"}': "1x40",
      'up{job="other"}': "0x40",
    },
    quiet: [24, 25, 26, 39],
  },
  {
    alert: "PortcullisShedding",
    what: "for a quarter of an hour",
    series: { 'portcullis_shed_total{phase="validate",reason="lag",pod="a"}': "0x10 1+1x15 16x20" },
    fires: { at: [21, 26], labels: { reason: "lag" } },
    quiet: [20, 33],
  },
  {
    alert: "PortcullisShedding",
    what: "a burst, however high",
    series: { 'portcullis_shed_total{phase="validate",reason="requests"}': "0x10 5000x30" },
    quiet: [11, 15, 21, 22],
  },
  {
    alert: "PortcullisErrors",
    what: "the first of its kind",
    series: { [errors("internal")]: "_x10 1x60" },
    fires: { at: [11, 20], labels: { phase: "validate", error: "internal" } },
    quiet: [9, 26],
  },
  {
    alert: "PortcullisErrors",
    what: "one more",
    series: { [errors("deadline")]: "7x30 8x60" },
    fires: { at: [31, 45], labels: { phase: "validate", error: "deadline" } },
    quiet: [30, 47],
  },
  {
    alert: "PortcullisErrors",
    what: "callers that went away, what is too large, and none since long ago",
    series: { [errors("aborted")]: "0+1x60", [errors("oversize")]: "0+1x60", [errors("json")]: "5x60" },
    quiet: [16, 40],
  },
  {
    alert: "PortcullisOversize",
    what: "one",
    series: { [errors("oversize")]: "0x10 1x60" },
    fires: { at: [11, 24], labels: { phase: "validate" } },
    quiet: [10, 27],
  },
  {
    alert: "PortcullisOversize",
    what: "none, and other errors",
    series: { [errors("oversize")]: "0x60", [errors("json")]: "0+1x60" },
    quiet: [10, 40],
  },
  {
    alert: "PortcullisCallersRefused",
    what: "an API server that goes on",
    series: { 'portcullis_callers_refused_total{reason="untrusted",pod="a"}': "0x10 1+1x14 15x30" },
    fires: { at: [16, 25], labels: { reason: "untrusted" } },
    quiet: [15, 32],
  },
  {
    alert: "PortcullisCallersRefused",
    what: "a stranger who tries it",
    series: { 'portcullis_callers_refused_total{reason="no-certificate"}': "0x10 30x30" },
    quiet: [11, 15, 16, 17],
  },
  {
    alert: "PortcullisEventLoopLag",
    what: "two ticks in a hundred are half a second late, until minute 25",
    series: lag({ "0.2": "0+588x60", "0.5": "0+600x60" }, "0+588x10 5880+588x14 14700+600x35"),
    fires: { at: [17, 25], labels: POD },
    quiet: [8, 35],
  },
  {
    alert: "PortcullisEventLoopLag",
    what: "one tick in two hundred is late",
    series: lag({ "0.2": "0+597x60", "0.5": "0+600x60" }, "0+597x60"),
    quiet: [11, 20, 40],
  },
  {
    alert: "PortcullisConnectionsEvicted",
    what: "for a quarter of an hour",
    series: { [`portcullis_connections_evicted_total{${OF_POD}}`]: "0x10 1+1x15 16x20" },
    fires: { at: [21, 26], labels: POD },
    quiet: [20, 33],
  },
  {
    alert: "PortcullisConnectionsEvicted",
    what: "a burst",
    series: { [`portcullis_connections_evicted_total{${OF_POD}}`]: "0x10 900x30" },
    quiet: [11, 15, 21, 22],
  },
  {
    alert: "PortcullisLogLinesDropped",
    what: "one",
    series: { [`portcullis_log_lines_dropped_total{${OF_POD}}`]: "0x10 1x60" },
    fires: { at: [11, 24], labels: POD },
    quiet: [10, 27],
  },
  {
    alert: "PortcullisLogLinesDropped",
    what: "none since long ago",
    series: { [`portcullis_log_lines_dropped_total{${OF_POD}}`]: "9x60" },
    quiet: [10, 40],
  },
];

const certificates: readonly AlertCase[] = [
  {
    alert: "PortcullisCertificateExpiring",
    what: "under seven days as of minute 10, renewed in minute 30",
    series: { [notAfter("leaf")]: `${7 * DAY + 570}x29 ${30 * DAY}x30`, [notAfter("ca")]: `${365 * DAY}x60` },
    fires: { at: [25, 29], labels: POD },
    quiet: [24, 31],
  },
  {
    alert: "PortcullisCertificateExpiring",
    what: "seven days and a little",
    series: { [notAfter("leaf")]: `${7 * DAY + 3600}x60`, [notAfter("ca")]: `${7 * DAY + 3600}x60` },
    quiet: [20, 59],
  },
  {
    alert: "PortcullisCertificateAboutToExpire",
    what: "under a day as of minute 10, renewed in minute 30",
    series: { [notAfter("leaf")]: `${365 * DAY}x60`, [notAfter("ca")]: `${DAY + 570}x29 ${30 * DAY}x30` },
    fires: { at: [15, 29], labels: POD },
    quiet: [14, 31],
  },
  {
    alert: "PortcullisCertificateAboutToExpire",
    what: "a day and a little",
    series: { [notAfter("leaf")]: `${DAY + 3600}x60`, [notAfter("ca")]: `${DAY + 3600}x60` },
    quiet: [20, 59],
  },
  ...reloads("PortcullisCertificateReloadFailed", "certificate", "client_ca"),
  ...reloads("PortcullisClientCaReloadFailed", "client_ca", "policies"),
  {
    alert: "PortcullisNotTrusted",
    what: "an API server that goes on",
    series: { [tlsErrors("bad_certificate")]: "0x10 1+1x14 15x30" },
    fires: { at: [16, 25], labels: POD },
    quiet: [15, 32],
  },
  {
    alert: "PortcullisNotTrusted",
    what: "what a keeper heals, and other alerts",
    series: { [tlsErrors("unknown_ca")]: "0x10 40x30", [tlsErrors("protocol_version")]: "0+1x40" },
    quiet: [11, 15, 16, 17, 30],
  },
  {
    alert: "PortcullisCaNotInBundle",
    what: "for ten minutes",
    series: { [inBundle("Validating")]: "1x10 0x10 1x10", [inBundle("Mutating")]: "1x40" },
    fires: { at: [14, 21], labels: { ...POD, configuration: "ValidatingWebhookConfiguration/portcullis" } },
    quiet: [13, 22],
  },
  {
    alert: "PortcullisCaNotInBundle",
    what: "healed after two minutes",
    series: { [inBundle("Validating")]: "1x10 0x1 1x20" },
    quiet: [11, 12, 13, 14, 20],
  },
  {
    alert: "PortcullisKeeperFailing",
    what: "rounds fail, until minute 25",
    series: { [rounds("ok")]: "1+2x10 21x14 23+2x20", [rounds("failed")]: "_x11 1+2x14 29x20" },
    fires: { at: [22, 25], labels: POD },
    quiet: [19, 28],
  },
  {
    alert: "PortcullisKeeperFailing",
    what: "rounds don't come, from the beginning",
    series: { [rounds("failed")]: "1x30 stale" },
    fires: { at: [5, 30], labels: POD },
    quiet: [4, 32],
  },
  {
    alert: "PortcullisKeeperFailing",
    what: "a round that succeeds every four minutes",
    series: { [rounds("ok")]: "1 1 1 2 2 2 2 3 3 3 3 4 4 4 4 5x5 6x5", [rounds("failed")]: "0+2x40" },
    quiet: [8, 12, 16, 18],
  },
];

const policies: readonly AlertCase[] = [
  ...reloads("PortcullisPolicyReloadFailed", "policies", "certificate"),
  {
    alert: "PortcullisNotRegistered",
    what: "the Job has failed, and is deleted",
    series: { [jobFailed("portcullis-policies-4f6c4bc9dm")]: "0x10 1x10 stale" },
    fires: {
      at: [11, 21],
      labels: { namespace: "portcullis", job_name: "portcullis-policies-4f6c4bc9dm" },
    },
    quiet: [10, 23],
  },
  {
    alert: "PortcullisNotRegistered",
    what: "it goes on, and another Job has failed",
    series: { [jobFailed("portcullis-policies-4f6c4bc9dm")]: "0x40", [jobFailed("portcullis-rotate-1")]: "1x40" },
    quiet: [10, 30],
  },
  {
    alert: "PortcullisUnknownEntries",
    what: "for more than an hour",
    series: { 'portcullis_unknown_entries_total{phase="validate",pod="a"}': "0+1x90 90x60" },
    fires: { at: [61, 90], labels: { phase: "validate" } },
    quiet: [60, 110],
  },
  {
    alert: "PortcullisUnknownEntries",
    what: "a rollout of half an hour",
    series: { 'portcullis_unknown_entries_total{phase="mutate"}': "0+1x30 30x90" },
    quiet: [30, 61, 80],
  },
  ...(["lapsing", "lapsed"] as const).flatMap((state) => {
    const alert = state === "lapsing" ? "PortcullisExceptionLapsing" : "PortcullisExceptionLapsed";
    const other = state === "lapsing" ? "lapsed" : "lapsing";
    return [
      {
        alert,
        what: "one of a policy, until minute 40",
        series: { [exceptions(state)]: "0x10 1x29 0x20" },
        fires: { at: [26, 40], labels: { policy: "labels" } },
        quiet: [25, 41],
      },
      { alert, what: "none", series: { [exceptions(state)]: "0x60", [exceptions(other)]: "1x60" }, quiet: [20, 50] },
    ];
  }),
];

export const cases: readonly AlertCase[] = [...calls, ...server, ...certificates, ...policies];

/** Counted once, and held until something good comes, or a start. */
function reloads(alert: string, files: string, others: string): readonly AlertCase[] {
  const successful = (of: string) => `portcullis_last_reload_successful{${OF_POD},files="${of}"}`;
  return [
    {
      alert,
      what: "a bad one in minute 11, a good one in minute 61",
      series: { [successful(files)]: "1x10 0x49 1x40" },
      fires: { at: [11, 30, 60], labels: POD },
      quiet: [10, 62, 90],
    },
    {
      alert,
      what: "a bad one of other files",
      series: { [successful(files)]: "1x60", [successful(others)]: "0x60" },
      quiet: [5, 20, 50],
    },
  ];
}

function rejected(type: string, name: string): string {
  return `apiserver_admission_webhook_rejection_count{error_type="${type}",name="${name}.portcullis.dev",rejection_code="503"}`;
}
function failedOpen(name: string): string {
  return `apiserver_admission_webhook_fail_open_count{name="${name}.portcullis.dev",type="admit"}`;
}
function configuration(kind: "mutating" | "validating", values: string) {
  return { [`kube_${kind}webhookconfiguration_info{${kind}webhookconfiguration="portcullis"}`]: values };
}
function unavailable(): string {
  return 'kube_deployment_status_replicas_unavailable{namespace="portcullis",deployment="portcullis"}';
}
function errors(error: string): string {
  return `portcullis_admission_errors_total{phase="validate",error="${error}",pod="a"}`;
}
/** `first`: the bucket of 0.2 s in another course; both are cumulative. */
function lag(buckets: Readonly<Record<string, string>>, first: string) {
  const named = Object.entries({ ...buckets, "0.2": first, "+Inf": buckets["0.5"] ?? "" });
  return Object.fromEntries(
    named.map(([le, values]) => [`portcullis_event_loop_lag_seconds_bucket{${OF_POD},le="${le}"}`, values]),
  );
}
function notAfter(kind: string): string {
  return `portcullis_certificate_not_after_seconds{${OF_POD},kind="${kind}"}`;
}
function tlsErrors(alert: string): string {
  return `portcullis_tls_client_errors_total{${OF_POD},alert="${alert}"}`;
}
function inBundle(kind: string): string {
  return `portcullis_ca_in_bundle{${OF_POD},configuration="${kind}WebhookConfiguration/portcullis"}`;
}
function rounds(result: string): string {
  return `portcullis_keeper_rounds_total{${OF_POD},result="${result}"}`;
}
function jobFailed(name: string): string {
  return `kube_job_failed{namespace="portcullis",job_name="${name}",condition="true"}`;
}
function exceptions(state: string): string {
  return `portcullis_exceptions{policy="labels",state="${state}",pod="a"}`;
}
