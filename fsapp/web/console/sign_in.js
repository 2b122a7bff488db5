/** Signing in with the token, for the console and the wallboard alike. */

import { Api, forgetToken, storedToken, storeToken } from "./api.js";
import { setText, the } from "./dom.js";

const TROUBLE = {
  401: "This token is not valid.",
  0: "The server does not answer.",
};

/** Calls `begin(api)` once there is a token that holds: the one kept in this tab, or one typed. */
export function signIn(clock, begin) {
  the("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(the("token").value.trim(), clock, begin);
  });
  const kept = storedToken();
  if (kept) attempt(kept, clock, begin);
  else ask("");
}

/** Forgets the token and asks for one again. The page starts afresh: nothing of her work stays. */
export function signOut(why = "") {
  forgetToken();
  if (why) sessionStorage.setItem("fsapp.why", why);
  location.reload();
}

async function attempt(token, clock, begin) {
  setText(the("sign-in-trouble"), "");
  const api = new Api(token, clock);
  try {
    // HTTP headers carry nothing but these; anything else is no token.
    if (!/^[\x21-\x7e]+$/.test(token)) return ask(TROUBLE[401]);
    await api.get("/agent");
  } catch (refused) {
    if (refused.http === 401) forgetToken();
    // A kept token outlives a server that is away: the desk says so and comes back by itself.
    else if (storedToken() === token) return enter(api, begin);
    return ask(TROUBLE[refused.http] ?? refused.message);
  }
  storeToken(token);
  return enter(api, begin);
}

function enter(api, begin) {
  the("token").value = "";
  the("sign-in").hidden = true;
  the("desk").hidden = false;
  begin(api);
}

function ask(trouble) {
  the("sign-in").hidden = false;
  setText(the("sign-in-trouble"), trouble || sessionStorage.getItem("fsapp.why") || "");
  sessionStorage.removeItem("fsapp.why");
  the("token").focus();
}
