// Holds the script of a page: filter, sort and copy. Without it the page still has every fact.

/** At most 3 KB: the policy of the page names its hash. */
export const SCRIPT = `
(() => {
  'use strict';
  const root = document.documentElement;
  root.classList.add('script');
  const list = document.querySelector('[data-list]');
  const items = list ? [...list.children] : [];
  const words = document.querySelector('[data-filter=words]');
  const verdict = document.querySelector('[data-filter=verdict]');
  const shown = document.querySelector('[data-shown]');
  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let count = 0;
    for (const item of items) {
      const text = item.textContent.toLowerCase();
      const fits = (!verdict.value || item.dataset.verdict === verdict.value) && wanted.every((word) => text.includes(word));
      item.hidden = !fits;
      if (fits) count += 1;
    }
    shown.textContent = count + ' of ' + items.length + ' shown';
  };
  const sort = (key) => {
    const value = (item) => item.dataset[key] || '';
    const compare = new Intl.Collator('en', { numeric: true }).compare;
    items.sort((a, b) => compare(value(a), value(b)) || compare(a.dataset.name, b.dataset.name));
    list.append(...items);
  };
  if (list && words) {
    words.addEventListener('input', filter);
    verdict.addEventListener('change', filter);
    document.querySelector('[data-sort]').addEventListener('change', (event) => sort(event.target.value));
  }
  for (const code of document.querySelectorAll('[data-copy]')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Copy';
    button.ariaLabel = 'Copy ' + code.textContent.slice(0, 80);
    code.after(' ', button);
  }
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy] + button');
    if (!button) return;
    const code = button.previousElementSibling;
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    target.hidden = false;
    const details = target.querySelector('details');
    if (details && target.matches('li')) details.open = true;
  };
  addEventListener('hashchange', reveal);
  reveal();
})();
`;
