"""A session as a Markov chain over the contract's event types, for many sessions at once.

A visitor came to look or came to buy. Who came to buy ends with a purchase; who came to look may fill a cart and give it up,
and even fail to pay. The cart is a stack: what is removed is what was put in last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from contracts.events import WEB_EVENT_TYPES
from generators.customers import REAL_DEVICES
from generators.segments import SEGMENTS

STATES = WEB_EVENT_TYPES
CODE = {name: code for code, name in enumerate(STATES)}
EXIT = len(STATES)
LANDING, VIEW, CART, REMOVE, CHECKOUT, PAYMENT, PURCHASE = (
    CODE[name] for name in ("landing", "view", "cart", "remove_from_cart", "checkout", "payment", "purchase")
)
LOOK, BUY, HURRY = range(3)

# After so many steps who looks leaves, and who buys goes straight on.
PATIENCE = 24
LONGEST = PATIENCE + 8

# What follows what. What is missing up to 1 is the exit; without a cart there is no checkout and nothing to remove.
LOOKING = {
    "landing": {"list": 0.36, "search": 0.24, "view": 0.22},
    "list": {"view": 0.56, "search": 0.09, "list": 0.15},
    "search": {"view": 0.52, "search": 0.15, "list": 0.09},
    "view": {"view": 0.24, "list": 0.22, "search": 0.13, "cart": 0.17},
    "cart": {"view": 0.32, "list": 0.15, "remove_from_cart": 0.12, "checkout": 0.16},
    "remove_from_cart": {"view": 0.34, "list": 0.14, "checkout": 0.10},
    "checkout": {"payment": 0.30, "view": 0.10},
    "payment": {"checkout": 0.15},
}
BUYING = {
    "landing": {"list": 0.40, "search": 0.35, "view": 0.25},
    "list": {"view": 0.74, "search": 0.11, "list": 0.15},
    "search": {"view": 0.76, "search": 0.12, "list": 0.12},
    "view": {"cart": 0.42, "view": 0.27, "list": 0.17, "search": 0.14},
    "cart": {"checkout": 0.50, "view": 0.24, "list": 0.11, "search": 0.05, "remove_from_cart": 0.10},
    "remove_from_cart": {"view": 0.60, "checkout": 0.25, "list": 0.15},
    "checkout": {"payment": 0.93, "view": 0.07},
    "payment": {"purchase": 0.95, "checkout": 0.05},
}
HURRYING = {state: {"view": 1.0} for state in STATES} | {
    "view": {"cart": 1.0},
    "cart": {"checkout": 1.0},
    "checkout": {"payment": 1.0},
    "payment": {"purchase": 1.0},
}
# A small screen loses carts and checkouts.
DEVICE_FACTOR = {"desktop": 1.15, "mobile": 0.85, "tablet": 1.0}


@dataclass(frozen=True)
class Walk:
    """Steps of all sessions, ordered by session and step. ``slot``: which of the products seen, or -1."""

    session: np.ndarray
    kind: np.ndarray
    slot: np.ndarray


def _row(moves: dict[str, float], factor: float, cart: bool) -> np.ndarray:
    """Cumulative probabilities of the next state (the last is the exit)."""
    weights = np.zeros(len(STATES) + 1)
    for state, probability in moves.items():
        weights[CODE[state]] = probability * (factor if state in ("cart", "checkout") else 1.0)
    weights[EXIT] = max(0.0, 1.0 - sum(moves.values()))
    if not cart:
        weights[[REMOVE, CHECKOUT]] = 0.0
    if not weights.any():
        weights[EXIT] = 1.0
    return np.cumsum(weights / weights.sum())


@cache
def tables() -> np.ndarray:
    """Cumulative probabilities by mode, segment, device, whether the cart holds something, and state."""
    result = np.ones((3, len(SEGMENTS), len(REAL_DEVICES), 2, len(STATES), len(STATES) + 1))
    for mode, chain in ((LOOK, LOOKING), (BUY, BUYING), (HURRY, HURRYING)):
        for s, segment in enumerate(SEGMENTS):
            for d, device in enumerate(REAL_DEVICES):
                factor = segment.cart * DEVICE_FACTOR[device] if mode == LOOK else 1.0
                for state, moves in chain.items():
                    for cart in (0, 1):
                        result[mode, s, d, cart, CODE[state]] = _row(moves, factor, bool(cart))
    return result


@cache
def cart_chance() -> np.ndarray:
    """Probability that who came to look puts something into the cart, at products of the usual appeal; by segment and device."""
    moves = np.diff(tables()[LOOK, :, :, 0], axis=-1, prepend=0.0)[..., :EXIT]
    here = np.zeros(moves.shape[:-1])
    here[..., LANDING] = 1.0
    chance = np.zeros(here.shape[:-1])
    for _ in range(1, PATIENCE):
        here = np.einsum("sdi,sdij->sdj", here, moves)
        chance += here[..., CART]
        here[..., CART] = 0.0
    return chance


@dataclass(frozen=True)
class Intent:
    """What sessions are about, one entry each. ``converts``: probability that who came to look decides to buy when something is
    put into the cart for the first time. ``fails``: payments do not go through."""

    buys: np.ndarray
    converts: np.ndarray
    fails: np.ndarray
    segment: np.ndarray
    device: np.ndarray


def walk(rng: np.random.Generator, intent: Intent, show: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Walk:
    """One session for each entry. A purchase is one step for each product in the cart.

    ``show(sessions, slots)`` shows a product to each and says how likely it is put into the cart, against the usual.
    """
    count = len(intent.buys)
    buys, segment, device = intent.buys.copy(), intent.segment, intent.device
    state = np.full(count, LANDING)
    appeal = np.ones(count)
    filled = np.zeros(count, dtype=bool)
    seen = np.zeros(count, dtype=np.int64)
    held = np.zeros(count, dtype=np.int64)
    cart = np.full((count, LONGEST), -1)
    live = np.arange(count)
    steps = [(live, state.copy(), np.full(count, -1))]
    for step in range(1, LONGEST):
        mode = np.where(buys[live], HURRY if step >= PATIENCE else BUY, LOOK)
        chances = tables()[mode, segment[live], device[live], (held[live] > 0).astype(int), state[live]]
        _weigh(chances, np.flatnonzero((mode == LOOK) & (state[live] == VIEW)), appeal[live])
        following = (rng.random(len(live))[:, None] >= chances).sum(axis=1)
        if step >= PATIENCE:
            following[~buys[live]] = EXIT
        following[(following == PURCHASE) & intent.fails[live]] = EXIT
        stays = following < EXIT
        live, following = live[stays], following[stays]
        if not len(live):
            break
        viewing = live[following == VIEW]
        appeal[viewing] = show(viewing, seen[viewing])
        fills = live[(following == CART) & ~filled[live]]
        filled[fills] = True
        buys[fills] |= rng.random(len(fills)) < intent.converts[fills]
        steps.append(_act(live, following, seen, held, cart))
        state[live] = following
        live = live[following != PURCHASE]
    session, kind, slot = (np.concatenate(part) for part in zip(*steps, strict=True))
    order = np.argsort(session, kind="stable")
    return Walk(session[order], kind[order], slot[order])


def _weigh(chances: np.ndarray, rows: np.ndarray, appeal: np.ndarray) -> None:
    """The chance of the cart after a view, times the product's appeal; leaving makes up for it."""
    before = chances[rows, CART - 1]
    chances[rows, CART:EXIT] = np.minimum(1.0, before + (chances[rows, CART] - before) * appeal[rows])[:, None]


def _act(live: np.ndarray, kind: np.ndarray, seen: np.ndarray, held: np.ndarray, cart: np.ndarray) -> tuple[np.ndarray, ...]:
    """What a step does to the products seen and to the cart; the events it makes."""
    slot = np.full(len(live), -1)
    views, adds, removes, buys = (kind == code for code in (VIEW, CART, REMOVE, PURCHASE))
    slot[views] = seen[live[views]]
    seen[live[views]] += 1
    slot[adds] = seen[live[adds]] - 1
    cart[live[adds], held[live[adds]]] = slot[adds]
    held[live[adds]] += 1
    held[live[removes]] -= 1
    slot[removes] = cart[live[removes], held[live[removes]]]
    if not buys.any():
        return live, kind, slot
    buyers = live[buys]
    lines = np.repeat(buyers, held[buyers])
    place = np.arange(len(lines)) - np.repeat(np.cumsum(held[buyers]) - held[buyers], held[buyers])
    bought = lines, np.full(len(lines), PURCHASE), cart[lines, place]
    return tuple(np.concatenate(part) for part in zip((live[~buys], kind[~buys], slot[~buys]), bought, strict=True))
