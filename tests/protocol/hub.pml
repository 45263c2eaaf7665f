// The protocols of hub/core/runtime.h, park.h and solo.h: who owns a hub, who runs on which stack, who wakes whom.
//
// Two hubs, three greenlets, carriers, the monitor. A process is a *stack*: it runs while a carrier is on it (on[]).
// One step of the model is one access of the code that other kernel threads can see; comments name the function. What
// only one sees (a driver's run queue, a greenlet's own variables) is part of the step before or after it; so is taking
// a lock (of the step that follows), and letting go of it (of the one before).
//
// What is left out, and why that is sound:
//   - The count in Hub::turn_. All that is ever asked of a kept turn is whether it still lasts, so whoever keeps one
//     keeps `lasting` or `over` instead, and what ends a turn turns all `lasting` of that hub into `over`. Exact: no
//     count that could come round.
//   - Order of queues, budget and clocks. Run queue and inbox are sets, the next one is any; a deadline may have passed
//     whenever somebody looks; the monitor offers any turn at any moment. The code does less than that.
//   - Carriers end and begin: here they are there, CARRIERS of them, and take() fails when all are busy.
//   - Memory order: steps are sequentially consistent (closing.pml and monitor.pml have store buffers). The word is
//     stored with release and won with acquire; all other shared words are changed by locked instructions.
//   - poll_solo() and descriptors: closing.pml. Signal handlers and fork: not modelled.
//
// Checked by assertions, and by spin's search for invalid end states: when nothing moves any more, all greenlets have
// ended. -D options choose what happens (SLOW_CALLS, DEADLINES, ...) or break a rule: check lists them, and which of
// them the code once broke.
#ifndef CARRIERS
#define CARRIERS 3
#endif
#ifndef GREENLETS
#define GREENLETS 3
#endif
#ifndef HUBS
#define HUBS 2
#endif
#define NOBODY 255
#define HOME(g) ((g) * HUBS / GREENLETS) /* of three on two hubs, 0 and 1 live on hub 0, and 2 on hub 1 */
#define BIT(g) (1 << (g))

// Stacks: greenlets, then loops, then the carriers' idle stacks.
#define LOOP(h) (GREENLETS + (h))
#define IDLE(c) (GREENLETS + HUBS + (c))
#define STACKS (GREENLETS + HUBS + CARRIERS)
byte on[STACKS]; // the carrier that runs on it

// Hub::turn_ without the count; and what others keep of it. Who read it outside a turn keeps a value that comes again.
mtype = { polling, runtime, user };
mtype = { none, lasting, over, was_polling, was_runtime };
mtype word[HUBS];
mtype my_turn[GREENLETS]; // TLS my_turn: none, lasting, over
byte driver[HUBS];        // ghost: who is in hub code
byte owner[HUBS];         // Hub::owner_
byte carrier_of[HUBS];    // Hub::carrier_
bool published[HUBS];     // Hubs::count

#ifdef MARK_BEFORE_CARRIER
mtype offered[HUBS]; // the monitor's Watch::offered
#endif

// Carrier
typedef Offer { byte hub; mtype turn; bool thread_like };
Offer offer[CARRIERS];
bool called[CARRIERS];
byte passenger[CARRIERS];
byte spares; // Carriers' list, a set

// HubGreenlet::parking
mtype = { awake, parked, blocked, woken, timed_out };
mtype parking[GREENLETS];
bool solo[GREENLETS];
bool dead[GREENLETS]; // its memory may be used for anything

byte ready[HUBS], inbox[HUBS], deadlines[HUBS]; // sets
bool wakes[HUBS];                               // Loop::wake

// A list of waiters, as park.h wants it: a lock, who is linked, and who was posted before it came.
bool locked, linked[GREENLETS], posted[GREENLETS];

// Owning a hub -------------------------------------------------------------------------------------------------------

#define END_OF(kept_turn, kept_hub, h) \
  if :: kept_turn == lasting && kept_hub == h -> kept_turn = over :: else fi

// The winning exchange of Hub::take_turn, by carrier c.
inline own(h, c) {
  assert(driver[h] == NOBODY); // (a) never two in one hub
  driver[h] = c;
  word[h] = runtime;
  END_OF(my_turn[0], HOME(0), h);
  END_OF(my_turn[1], HOME(1), h);
#if GREENLETS > 2
  END_OF(my_turn[2], HOME(2), h);
#endif
#if CARRIERS > 2
  END_OF(offer[2].turn, offer[2].hub, h);
#endif
#ifdef MARK_BEFORE_CARRIER
  offered[h] = over;
#endif
  END_OF(offer[0].turn, offer[0].hub, h);
  END_OF(offer[1].turn, offer[1].hub, h)
}

// Whether Hub::take_turn(kept) would win.
#ifdef TURNS_WITHOUT_COUNT
#define STILL(h, kept) (word[h] == user && kept != none)
#else
#define STILL(h, kept) (kept == lasting || kept == was_polling && word[h] == polling || \
                        kept == was_runtime && word[h] == runtime)
#endif

// Hub::turn()
#define READ_TURN(h, to) \
  if :: word[h] == user -> to = lasting :: word[h] == polling -> to = was_polling :: else -> to = was_runtime fi

// Stacks and queues --------------------------------------------------------------------------------------------------

// RawGreenlet::switch_to, up to the arrival on the other stack.
inline switch_to(from, to) {
  assert(on[to] == NOBODY); // (b) never two on one stack
  on[to] = on[from];
  on[from] = NOBODY
}

#define QUEUED(g) ((ready[HOME(g)] | inbox[HOME(g)]) & BIT(g))

// Hub::make_ready, by the driver.
inline make_ready(g) {
  assert(!QUEUED(g) && !dead[g] && on[g] == NOBODY);
  ready[HOME(g)] = ready[HOME(g)] | BIT(g)
}

// Inbox::push. Its stack may still be in use by its own hub's driver, who is the one that takes from the inbox.
inline push(g) {
  assert(!QUEUED(g) && !dead[g]);
  assert(on[g] == NOBODY || on[g] == driver[HOME(g)]);
  inbox[HOME(g)] = inbox[HOME(g)] | BIT(g)
}

// Hub::successor and the switch, from the stack `from`: a ready greenlet, or the loop.
inline pick(h, from) {
  if
  :: ready[h] & BIT(0) -> ready[h] = ready[h] & ~BIT(0); switch_to(from, 0)
  :: ready[h] & BIT(1) -> ready[h] = ready[h] & ~BIT(1); switch_to(from, 1)
#if GREENLETS > 2
  :: ready[h] & BIT(2) -> ready[h] = ready[h] & ~BIT(2); switch_to(from, 2)
#endif
  :: from != LOOP(h) -> switch_to(from, LOOP(h))
  :: from == LOOP(h) && ready[h] == 0 -> skip
  fi
}

#ifdef NO_WAKE_AFTER_PUSH
#define WAKE(g) skip
#else
#define WAKE(g) wakes[HOME(g)] = true /* Loop::wake */
#endif

// The exchange of unpark(), by somebody who drives hub `mine`, or none; and make_ready, which only the driver sees. If
// `old` (the caller's) is parked afterwards, it is to be pushed.
inline unpark(g, how, mine, old) {
  assert(!dead[g]); // (d)
  old = parking[g];
  if
  :: old == awake || old == parked || old == blocked -> parking[g] = how // blocked: a futex, by its address only
#ifdef UNPARK_AGAIN
  :: old == timed_out || old == woken -> old = parked
#endif
  :: else // it has been woken already
  fi;
  if
  :: old == parked && HOME(g) == mine -> make_ready(g)
  :: else
  fi;
  old = (old == parked && HOME(g) != mine -> parked : none)
}

#include "hub_carriers.pml"
#include "hub_greenlets.pml"
#include "hub_start.pml"
