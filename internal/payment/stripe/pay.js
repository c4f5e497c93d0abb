// Puts Stripe's Payment Element into the pay page. What is typed into it goes to Stripe;
// this page gets a confirmation token for it and sends that. If Stripe's script does not
// come, the button that leads to Stripe's own page stays.
const form = document.querySelector("form[data-pay]");
const units = { isk: 100, ugx: 100, mga: 0.01 }; // currencies that Stripe counts in other units

// With the fields, one check box for other seats is enough: that of the button below follows.
const [box, below] = document.querySelectorAll('input[name="alternatives"]');
const only = (one) => {
  if (!below) return;
  below.closest("label").style.display = one ? "none" : "";
  below.checked = box.checked;
};

const start = () => {
  const { key, amount, currency } = form.dataset;
  const code = currency.toLowerCase();
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--color-${name}`).trim() || undefined;
  const stripe = Stripe(key, { locale: document.documentElement.lang });
  const elements = stripe.elements({
    mode: "payment",
    amount: Math.round(Number(amount) * (units[code] ?? 1)),
    currency: code,
    captureMethod: "manual",
    appearance: {
      theme: matchMedia("(prefers-color-scheme: dark)").matches ? "night" : "stripe",
      variables: {
        colorPrimary: color("brand"),
        colorBackground: color("raised"),
        colorText: color("text"),
        colorTextSecondary: color("muted"),
        colorDanger: color("error"),
        borderRadius: style.getPropertyValue("--radius-small").trim() || undefined,
      },
    },
  });
  const element = elements.create("payment");
  const problem = form.querySelector("[data-pay-problem]");
  const button = form.querySelector("button");
  const say = (text) => {
    problem.textContent = text ?? "";
    problem.hidden = !text;
    button.disabled = false;
    form.removeAttribute("aria-busy");
  };
  element.on("loaderror", () => {
    form.hidden = true;
    only(false);
  });
  element.on("ready", () => say(""));
  button.disabled = true;
  form.hidden = false;
  only(true);
  box?.addEventListener("change", () => only(true));
  element.mount(form.querySelector("[data-pay-fields]"));

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    form.setAttribute("aria-busy", "true");
    try {
      const checked = await elements.submit();
      if (checked.error) return say(checked.error.message);
      const made = await stripe.createConfirmationToken({ elements, params: { return_url: form.dataset.return } });
      if (made.error) return say(made.error.message);
      form.elements.token.value = made.confirmationToken.id;
      form.submit();
    } catch {
      say(form.dataset.failed);
    }
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) say(""); // back from the next page
  });
};

if (form && window.Stripe) start();
