// Before the page is painted: the colours that the reader has chosen, and that scripts run.
(() => {
  const root = document.documentElement;
  root.classList.add('js');
  try {
    const theme = localStorage.getItem('theme');
    if (theme) root.dataset.theme = theme;
  } catch { /* a browser may forbid to store: the system's colours stay */ }
})();
