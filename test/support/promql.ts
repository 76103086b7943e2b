/** PromQL of documents, rules and dashboards against the text of /metrics: as much of the language as they use. */

const SELECTOR = /\b((?:portcullis|apiserver|kube)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?/g;
const MATCHER = /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g;
const GROUPING = /\bby \(([^)]*)\)/g;

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The selectors of an expression that no sample fits, with every value that they name; and the labels that it groups by and no
 * sample has. `targetLabels` are those that Prometheus adds.
 */
export function missingFromMetrics(
  expression: string,
  metricsText: string,
  targetLabels: readonly string[] = [],
): readonly string[] {
  const samples = samplesOf(metricsText);
  const selectors = [...expression.matchAll(SELECTOR)].map(([text, name = "", matchers = ""]) => {
    const named = samples.filter((sample) => sample.name === name);
    const alternatives = [...matchers.matchAll(MATCHER)].map(([, label = "", operator = "", value = ""]) => ({
      label,
      isNegative: operator.startsWith("!"),
      patterns: operator.endsWith("~") ? splitAlternatives(value) : [literally(value)],
    }));
    // What is excluded has to be there too: else the name is wrong.
    const found = alternatives.every(({ label, patterns }) =>
      patterns.every((pattern) => named.some(({ labels }) => matches(labels[label], pattern))),
    )
      ? named.filter(({ labels }) =>
          alternatives.every(
            ({ label, isNegative, patterns }) =>
              patterns.some((pattern) => matches(labels[label], pattern)) !== isNegative,
          ),
        )
      : [];
    return { text, found };
  });
  const groupedBy = [...expression.matchAll(GROUPING)].flatMap(([, list = ""]) => list.split(/, */));
  const missing = selectors.filter(({ found }) => found.length === 0).map(({ text }) => text);
  const known = selectors.flatMap(({ found }) => found);
  const lacking = groupedBy.filter(
    (label) => !targetLabels.includes(label) && known.some(({ labels }) => !Object.hasOwn(labels, label)),
  );
  return [...missing, ...new Set(lacking)];
}

export function samplesOf(metricsText: string): readonly Sample[] {
  return [...metricsText.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)].map(([, name = "", labels = ""]) => {
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)];
    return { name, labels: Object.fromEntries(pairs.map(([, label = "", value = ""]) => [label, value])) };
  });
}

/** `a|b`, but not what stands in parentheses. */
function splitAlternatives(pattern: string): readonly string[] {
  return pattern.includes("(") ? [pattern] : pattern.split("|");
}

function literally(value: string): string {
  return value.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** As Prometheus does, from end to end. */
function matches(value: string | undefined, pattern: string): boolean {
  return new RegExp(`^(?:${pattern})$`).test(value ?? "");
}
