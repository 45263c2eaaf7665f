// Loops, carriers and the monitor of hub.pml.

inline take_inbox(h) {
  assert(driver[h] == on[LOOP(h)]);
  ready[h] = ready[h] | inbox[h];
  inbox[h] = 0
}

#define EXPIRE(g) \
  atomic { \
    deadlines[h] & BIT(g) -> \
    deadlines[h] = deadlines[h] & ~BIT(g); \
    unpark(g, timed_out, h, old); \
    pick(h, LOOP(h)) \
  }

proctype Loop(byte h) {
  mtype old;
end_not_driven:
  do // Hub::run_loop, Hub::look
  :: on[LOOP(h)] != NOBODY ->
    atomic { take_inbox(h) }
    if
    :: ready[h] == 0 ->
      word[h] = polling;
end_polling:
      atomic { // Loop::poll
        wakes[h] || deadlines[h] ->
        wakes[h] = false;
        assert(word[h] == polling);
        word[h] = runtime
      }
    :: else -> wakes[h] = false
    fi;
    atomic { take_inbox(h) }
    if // Hub::receive; one at most here, the next one in the next round
    :: EXPIRE(0)
    :: EXPIRE(1)
#if GREENLETS > 2
    :: EXPIRE(2)
#endif
    :: atomic { true -> pick(h, LOOP(h)) }
    fi
  od
}

// `is_spare`: nobody has taken it yet, or again.
proctype Idle(byte c; bool is_spare) {
  byte g, h;
end_of_all:
  do // Carrier::run
  :: on[IDLE(c)] != NOBODY ->
    if
    :: passenger[c] != NOBODY ->
#ifndef PUSH_BEFORE_OFF_STACK
      atomic { g = passenger[c]; passenger[c] = NOBODY; push(g) }
      WAKE(g); // Hub::push_foreign
      g = 0
#else
      passenger[c] = NOBODY
#endif
    :: else
    fi;
    if
    :: is_spare -> spares = spares | BIT(c) // Carriers::put_back
    :: else -> is_spare = true
    fi;
end_waiting:
    atomic {
      called[c] -> // Carrier::wait_for_offer
      called[c] = false;
      h = offer[c].hub;
      if
      :: STILL(h, offer[c].turn) -> own(h, c); offer[c].turn = none // Hub::take_turn
      :: else -> offer[c].turn = none; offer[c].hub = 0; offer[c].thread_like = false; h = 0; goto end_of_all
      fi
    }
    atomic { // Hub::drive
      carrier_of[h] = c;
      if
      :: offer[c].thread_like ->
        assert(!dead[owner[h]]); // (d) it can't have gone home yet
        solo[owner[h]] = true;
        offer[c].thread_like = false
      :: else
      fi;
      switch_to(IDLE(c), LOOP(h));
      owner[h] = NOBODY;
      offer[c].hub = 0;
      h = 0
    }
  od
}

// Carriers::take. Carriers are alike: any choice is as good as the first.
#define TAKE(to) \
  to = (spares & BIT(0) -> 0 : (spares & BIT(1) -> 1 : (spares & BIT(2) -> 2 : NOBODY))); \
  spares = (to == NOBODY -> 0 : spares & ~BIT(to))

// Carriers::call
inline call(c, h, kept, is_thread_like) {
  offer[c].hub = h;
  offer[c].turn = kept;
  offer[c].thread_like = is_thread_like;
  called[c] = true
}

#ifdef MONITOR_TRUSTS_CARRIER
#define HAS_CARRIER(h) true
#else
#define HAS_CARRIER(h) (carrier_of[h] != NOBODY)
#endif
#ifdef OFFERS
#define OFFER_IS_LEFT (offers < OFFERS)
#define COUNT_OFFER offers++
#else
#define OFFER_IS_LEFT true
#define COUNT_OFFER skip
#endif
#ifdef MARK_BEFORE_CARRIER
#define MAY_OFFER(h) (published[h] && word[h] == user && offered[h] != lasting)
#else
#define MAY_OFFER(h) (published[h] && word[h] == user && HAS_CARRIER(h) && spares)
#endif

inline make_offer(h) {
#ifndef READ_TURN_LATE
  assert(carrier_of[h] != NOBODY); // look_at_long_run asks it what it does
#endif
#ifdef MARK_BEFORE_CARRIER
  offered[h] = lasting;
#endif
  TAKE(spare);
  if
  :: spare != NOBODY -> call(spare, h, lasting, owner[h] != NOBODY)
  :: else
  fi;
  spare = NOBODY
}

// Offers the turn of any hub at any time; OFFERS times at most. It may be over when the carrier comes to it.
proctype Monitor() {
  byte spare = NOBODY, offers;
end_of_all:
  do
  :: atomic { OFFER_IS_LEFT && MAY_OFFER(0) -> COUNT_OFFER; make_offer(0) }
#if HUBS > 1
  :: atomic { OFFER_IS_LEFT && MAY_OFFER(1) -> COUNT_OFFER; make_offer(1) }
#endif
  od
}
