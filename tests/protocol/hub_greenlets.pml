// What a greenlet of hub.pml can do.

// A greenlet has a Runtime where `mine` is its hub; in user code, and when it is detached, `mine` is NOBODY.

inline enter(g) { // Runtime::Runtime, enter_hub
#ifdef TAKE_TURN_IN_TWO_STEPS
  if
  :: my_turn[g] == lasting -> atomic { own(HOME(g), on[g]); mine = HOME(g) } my_turn[g] = none
  :: else -> my_turn[g] = none
  fi
#else
  atomic {
    if
    :: my_turn[g] == none -> skip
    :: my_turn[g] != none && STILL(HOME(g), my_turn[g]) ->
      assert(owner[HOME(g)] == g);
      own(HOME(g), on[g]);
      owner[HOME(g)] = NOBODY;
      mine = HOME(g);
      my_turn[g] = none
    :: else -> my_turn[g] = none // re-taken
    fi
  }
#endif
}

inline leave(g) { // Runtime::~Runtime, leave_hub, Hub::begin_turn
  atomic {
    if
    :: mine != NOBODY ->
      assert(mine == HOME(g) && driver[mine] == on[g]);
      driver[mine] = NOBODY;
      owner[mine] = g;
      word[mine] = user;
      my_turn[g] = lasting;
      mine = NOBODY
    :: else
    fi
  }
}

// Somebody has switched to g: on its hub, by whoever drives it. Part of g's next step.
inline resumed(g) {
  on[g] != NOBODY ->
  assert(!dead[g] && driver[HOME(g)] == on[g] && word[HOME(g)] == runtime);
  assert(carrier_of[HOME(g)] == on[g]); // my_carrier
  mine = HOME(g);
  deadlines[mine] = deadlines[mine] & ~BIT(g)
}

inline go_home(g) { // Carrier::send_home; Idle goes on with it
#ifdef PUSH_BEFORE_OFF_STACK
  atomic { inbox[HOME(g)] = inbox[HOME(g)] | BIT(g); passenger[on[g]] = g }
  WAKE(g);
#endif
  atomic { passenger[on[g]] = g; switch_to(g, IDLE(on[g])) }
  atomic { resumed(g); solo[g] = false }
}

// Step 3 of park.h for a solo greenlet. Sets `mine` to HOME(g) if it has gone home instead, and is to park there.
inline block_solo(g, has_deadline) {
  atomic {
    if
    :: parking[g] == awake -> parking[g] = blocked
    :: else
    fi
  }
  if
  :: parking[g] != blocked // the futex
  :: has_deadline -> atomic { if :: parking[g] == blocked -> parking[g] = timed_out :: else fi }
  :: true -> // it has waited for as long as a spare would
#ifdef GIVE_UP_AS_TIMED_OUT
    atomic { if :: parking[g] == blocked -> parking[g] = timed_out; old = timed_out :: else fi }
    if :: old == timed_out -> parking[g] = awake; go_home(g) :: else fi; // take_outcome
#else
    atomic { if :: parking[g] == blocked -> parking[g] = awake; old = awake :: else fi }
    if :: old == awake -> go_home(g) :: else fi;
#endif
    old = none
  fi
}

inline park(g, has_deadline) {
  if
  :: mine == NOBODY && solo[g] -> block_solo(g, has_deadline) // stays_solo
  :: mine == NOBODY -> go_home(g)
  :: else
  fi;
  if
  :: mine != NOBODY ->
    atomic {
      if
      :: parking[g] == awake ->
        parking[g] = parked;
        if :: has_deadline -> deadlines[mine] = deadlines[mine] | BIT(g) :: else fi;
        old = parked
      :: else
      fi
    }
    if
    :: old == parked ->
      atomic { old = none; pick(mine, g) } // Hub::stop_running
      atomic { resumed(g); assert(parking[g] != parked); parking[g] = awake }
    :: else -> parking[g] = awake // take_outcome
    fi
  :: else -> atomic { assert(parking[g] != blocked); parking[g] = awake }
  fi
}

// Waits until somebody has posted g, or, if it has a deadline, until that has passed.
inline wait(g, has_deadline) {
  enter(g);
#ifndef PREPARE_AFTER_PUBLISHING
  parking[g] = awake; // 1. prepare_to_park
#endif
  atomic { // 2.
    !locked ->
    if
    :: posted[g] -> posted[g] = false
    :: else -> linked[g] = true; old = blocked
    fi
  }
  if
  :: old == blocked ->
    old = none;
#ifdef PREPARE_AFTER_PUBLISHING
    parking[g] = awake;
#endif
    park(g, has_deadline); // 3.
    atomic { // 4.
#ifndef NO_LOCK_AT_STEP_4
      !locked ->
#endif
      assert(has_deadline || !linked[g]); // nobody else ends this park
      linked[g] = false
    }
  :: else
  fi;
  leave(g)
}

#ifdef UNPARK_AFTER_UNLOCKING
#define KEEPS_LOCK false
#else
#define KEEPS_LOCK true
#endif

// Posts `to`, on greenlet g.
inline post(g, to) {
  enter(g);
  atomic { // a.
    !locked ->
    if
    :: linked[to] -> linked[to] = false; locked = KEEPS_LOCK; old = over
    :: else -> posted[to] = true
    fi
  }
  if
  :: old == over ->
    atomic {
      unpark(to, woken, mine, old);
      if :: old != parked -> locked = false :: else fi
    }
    if
    :: old == parked ->
      atomic { push(to); old = none }
      atomic { WAKE(to); locked = false }
    :: else
    fi
  :: else
  fi;
  leave(g)
}

// Waits in a call that nobody patched: in user code, on whichever hub it still has.
inline wait_raw(g) { atomic { posted[g] -> posted[g] = false } }

inline slow_call(g) { // SlowCall::SlowCall
  enter(g);
  if
  :: mine != NOBODY ->
    atomic { TAKE(spare) }
    leave(g);
    atomic {
      if
      :: spare != NOBODY -> call(spare, HOME(g), my_turn[g], false)
      :: else
      fi;
      spare = NOBODY
    }
  :: else
  fi
}

inline yield(g) {
  enter(g);
  if
  :: mine != NOBODY ->
    atomic { pick(mine, g); ready[mine] = ready[mine] | BIT(g) }
    atomic { resumed(g); leave(g) }
  :: else
  fi
}

// Hubs::make_next; carrier 1 is its first.
inline make_hub(g) {
  enter(g);
#ifdef READ_TURN_LATE
  published[1] = true;
  atomic { READ_TURN(1, old) }
#else
  atomic { READ_TURN(1, old); published[1] = true }
#endif
  atomic { call(1, 1, old, false); old = none }
  leave(g)
}
