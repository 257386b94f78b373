// The words of the page in its language: gettext's catalogue comes with the page, the English sentence is the key.
const { lang, dir } = document.documentElement;
const catalogue = JSON.parse(document.getElementById("catalogue").textContent);

/** The page's language as this person's browser has it, such as "en-GB"; in the digits that are typed everywhere here. */
const spoken = navigator.languages.find((tag) => tag.split("-")[0] === lang) ?? lang;
const locale = new Intl.Locale(spoken, { numberingSystem: "latn" });

const numbers = new Intl.NumberFormat(locale);
const percents = new Intl.NumberFormat(locale, { style: "percent" });
const lists = new Intl.ListFormat(locale, { type: "unit" });
const times = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const moments = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const rules = new Intl.PluralRules(lang);
const FORMS = ["zero", "one", "two", "few", "many", "other"].filter((form) => rules.resolvedOptions().pluralCategories.includes(form));

/** The sentence, with `{name}` filled from `values`. */
export const t = (message, values = {}) => filled(catalogue[message] ?? message, values);

/** The sentence for so many; its `{count}` is filled as well. */
export function plural(one, many, count, values = {}) {
  const forms = catalogue[one] ?? [one, many];
  return filled(forms[FORMS.indexOf(rules.select(count))], { count, ...values });
}

/** A sentence without marks of direction, for what is kept or sent: a name with them is refused. */
export const unmarked = (sentence) => sentence.replace(ISOLATES, "");

export const percent = (of100) => percents.format(of100 / 100);

/** Such as "here, there", each of them by itself. */
export const listed = (items) => lists.format(items.map(isolated));

export const timeOfDay = (seconds) => times.format(seconds * 1000);

/** The time of today, or day and time. */
export function moment(seconds) {
  const at = new Date(seconds * 1000);
  return (at.toDateString() === new Date().toDateString() ? times : moments).format(at);
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? numbers.format(values[name]) : isolated(values[name])));
}

const OVERRIDES = /[\u202a-\u202e]/g;
const ISOLATES = /[\u2066-\u2069]/g;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\u2067\u2068\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** A value whose direction cannot change that of the words around it, nor they its own (UAX 9 section 2.4). */
function isolated(value) {
  const text = balanced(String(value).replace(OVERRIDES, ""));
  return dir === "rtl" || RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/** The isolates in a sentence of ours are kept, those that somebody left open or closed too often are not. */
function balanced(text) {
  let open = 0;
  for (const [mark] of text.matchAll(ISOLATES)) {
    open += mark === "\u2069" ? -1 : 1;
    if (open < 0) break;
  }
  return open === 0 ? text : text.replace(ISOLATES, "");
}
