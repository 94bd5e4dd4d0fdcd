import { reportRepeated } from '../gateway-api/collections.ts';
import type { Report } from '../kind.ts';

/**
 * Reports every item whose key an earlier item of the list has (`x-kubernetes-list-type` map and set, and the rules that
 * ask for unique names). Items without a key are not compared.
 * @param path - of the list, such as `spec.rules`.
 * @param field - of the item that holds the key; empty when the item is the key.
 */
export function reportDuplicates<Item>(
  items: readonly Item[] | undefined,
  keyOf: (item: Item) => string | undefined,
  path: string,
  field: string,
  report: Report,
): void {
  reportRepeated(
    items ?? [],
    keyOf,
    (index) => `${path}[${index}]${field === '' ? '' : `.${field}`}`,
    (item, earlier) => `${JSON.stringify(keyOf(item))} is also in ${path}[${earlier}]; it may occur once`,
    report,
  );
}
