/** PromQL of documents against the text of /metrics: as much of the language as the documents use. */

const SELECTOR = /\b(portcullis_[a-z_]+)(?:\{([^}]*)\})?/g;
const GROUPING = /\bby \(([^)]*)\)/g;

/** The selectors of an expression that no sample fits, and the labels that it groups by and no sample has. */
export function missingFromMetrics(expression: string, metricsText: string): readonly string[] {
  const samples = [...metricsText.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)].map(([, name = "", labels = ""]) => {
    return { name, labels: labelsOf(labels) };
  });
  const selectors = [...expression.matchAll(SELECTOR)].map(([text, name = "", labels = ""]) => {
    const found = samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labelsOf(labels)).every(([label, value]) => sample.labels[label] === value),
    );
    return { text, found };
  });
  const groupedBy = [...expression.matchAll(GROUPING)].flatMap(([, list = ""]) => list.split(/, */));
  const missing = selectors.filter(({ found }) => found.length === 0).map(({ text }) => text);
  const known = selectors.flatMap(({ found }) => found);
  return [...missing, ...groupedBy.filter((label) => known.some(({ labels }) => !Object.hasOwn(labels, label)))];
}

function labelsOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = "", value = ""]) => [label, value]));
}
