"""How much of a limit may this peer still hand out, while other peers hand out from the same limit?

How it works. Each peer knows its own use exactly, and of every other peer the use that it said last. It also knows
what the others know of it: `confirmed`, the least of its own figures that any of them may still go by. What it has
handed out above that is *unheard*. Of what is free in its eyes a peer with nothing unheard may hand out all to one
call; with something unheard it keeps to its share: the free rest divided by the number of peers that are there.

The bound. Let n peers know of each other, none of them given back. As long as every admission keeps to a share, what
all of them use together never exceeds the limit, however late they hear of each other. One call beyond the share each
makes

    use of all peers <= limit + (n - 1) * largest call

where a call counts as often as its route crosses the element. Without the one call beyond the share, of a limit of
1000 kbit/s two peers would refuse a call of 384 kbit/s although 616 are free.

Why. Say C is what is confirmed of a peer, x = own - C what is unheard, r what it heard of another. By the rule
x <= (limit - C - sum of r) / n. A peer sends what it has heard together with its own use, so that whoever learns that
his figure was heard also learns what that peer handed out before it heard. What peer j hands out after its last word
to i is part of j's unheard; so it is at most j's share of a rest no larger than the one i reckons with, up to what
third peers told only one of them, and that counts in their own x. Hence the sum is at most the limit. A peer with x = 0
that takes one call c beyond its share reckons with all r, and misses only the others' unheard: at most one call each.
tests/simulation/test_bandwidth_sharing.py tries the bound with delays, losses of peers and many seeds.
"""

from __future__ import annotations


def room(limit: int, own: int, others: int, confirmed: int, peers: int) -> int:
    """Give what one call may take, all in kbit/s; `peers` counts this one and those that may hand out too."""
    free = limit - own - others
    unheard = max(0, own - confirmed)
    if peers <= 1 or not unheard:
        return free
    share = (free + unheard) // peers
    return min(free, share - unheard)
