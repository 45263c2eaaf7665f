// What the greenlets of hub.pml do, and how it begins: greenlet 0 runs on carrier 0, the others of hub 0 are ready, and
// those of hub 1 are in its inbox.

inline wait_somehow(g) {
  if
  :: true -> wait(g, false)
#ifdef DEADLINES
  :: true -> wait(g, true)
#endif
#ifdef RAW_WAITS
  :: true -> wait_raw(g)
#endif
  fi
}

inline maybe_more(g) {
  if
  :: skip
#ifdef SLOW_CALLS
  :: true -> slow_call(g)
#endif
#ifdef YIELDS
  :: true -> yield(g)
#endif
  fi
}

// Each posts the next one and waits for the one before, in any order but for greenlet 0: so all waits end.
proctype Greenlet(byte g) {
  mtype old = none;
  byte mine = NOBODY, spare = NOBODY;
  if
  :: g != 0 ->
    atomic { resumed(g); leave(g) } // begin_user_code
  :: else
  fi;
#ifdef FRESH_HUB
  if :: g == 0 -> make_hub(g) :: else fi;
#endif
  maybe_more(g);
  if
  :: post(g, (g + 1) % GREENLETS);
    wait_somehow(g)
  :: g != 0 ->
    wait_somehow(g);
    post(g, (g + 1) % GREENLETS)
  fi;
  enter(g); // end_user_code
#ifdef DIE_DETACHED
  if :: mine == NOBODY -> atomic { dead[g] = true; on[IDLE(on[g])] = on[g]; on[g] = NOBODY } goto gone :: else fi;
#endif
  if :: mine == NOBODY -> go_home(g) :: else fi;
  atomic { pick(mine, g); dead[g] = true } // Hub::leave_for_ever, and when_dead_ on the next stack
gone:
  assert(!QUEUED(g))
}

init {
  byte i = 0;
  atomic {
    do
    :: i < STACKS -> on[i] = NOBODY; i++
    :: else -> break
    od;
    on[0] = 0;
    word[0] = user;
    owner[0] = 0;
    my_turn[0] = lasting;
    driver[0] = NOBODY;
    published[0] = true;
#if HUBS > 1
    word[1] = user; // Hub::make: the first turn is nobody's
    owner[1] = NOBODY;
    driver[1] = NOBODY;
    carrier_of[1] = NOBODY;
    wakes[1] = true;
#ifndef FRESH_HUB
    published[1] = true;
    call(1, 1, lasting, false);
#endif
#endif
    for (i : 1 .. GREENLETS - 1) {
      my_turn[i] = none;
      if :: HOME(i) == 0 -> ready[0] = ready[0] | BIT(i) :: else -> inbox[HOME(i)] = inbox[HOME(i)] | BIT(i) fi
    }
    for (i : 0 .. GREENLETS - 1) { parking[i] = awake }
    for (i : 0 .. CARRIERS - 1) {
      passenger[i] = NOBODY;
      if :: i != 0 -> on[IDLE(i)] = i :: else fi
    }
    for (i : 0 .. GREENLETS - 1) { run Greenlet(i) }
    for (i : 0 .. HUBS - 1) { run Loop(i) }
    for (i : 0 .. CARRIERS - 1) { run Idle(i, i != 1 || HUBS == 1) }
    run Monitor();
    i = 0
  }
}
