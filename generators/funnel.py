"""A session as a Markov chain over the contract's event types, for many sessions at once.

A visitor came to look or came to buy. Who came to buy ends with a purchase; who came to look may fill a cart and give it up,
and even fail to pay. The cart is a stack: what is removed is what was put in last.
"""

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
    "view": {"view": 0.24, "list": 0.22, "search": 0.13, "cart": 0.11},
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


def walk(rng: np.random.Generator, buys: np.ndarray, segment: np.ndarray, device: np.ndarray) -> Walk:
    """One session for each entry. A purchase is one step for each product in the cart."""
    count = len(buys)
    state = np.full(count, LANDING)
    seen = np.zeros(count, dtype=np.int64)
    held = np.zeros(count, dtype=np.int64)
    cart = np.full((count, LONGEST), -1)
    live = np.arange(count)
    steps = [(live, state.copy(), np.full(count, -1))]
    for step in range(1, LONGEST):
        mode = np.where(buys[live], HURRY if step >= PATIENCE else BUY, LOOK)
        chances = tables()[mode, segment[live], device[live], (held[live] > 0).astype(int), state[live]]
        following = (rng.random(len(live))[:, None] >= chances).sum(axis=1)
        if step >= PATIENCE:
            following[~buys[live]] = EXIT
        stays = following < EXIT
        live, following = live[stays], following[stays]
        if not len(live):
            break
        steps.append(_act(live, following, seen, held, cart))
        state[live] = following
        live = live[following != PURCHASE]
    session, kind, slot = (np.concatenate(part) for part in zip(*steps, strict=True))
    order = np.argsort(session, kind="stable")
    return Walk(session[order], kind[order], slot[order])


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
