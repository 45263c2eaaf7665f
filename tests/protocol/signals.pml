// hub/core/notify.h: signals for a greenlet that computes, parks, is woken and changes its carrier meanwhile.
//
// One greenlet, two carriers, senders, and one who wakes each park. A kick is a signal to a kernel thread: the kernel
// delivers it between any two steps, to whichever greenlet runs there. What is pending is a set with a lock, so that
// adding and taking are one step each. The list of waiters and its lock are park.h's; here a waker is told apart from
// a notice by `linked`. Left out: masks (what is blocked is not notified), solo parks (they are kicked as well), and
// signals of the process that interrupt hub code.
//
// Checked: every signal is taken, and once: else this ends in a state that is no valid end. A park that does not hear
// ends only when it is woken.
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef PARKS
#define PARKS 2
#endif
#define NOWHERE 2

mtype = { awake, parked, woken, signalled };
mtype parking = awake;
bool hears;           // a bit of that word
bool has_notice;      // TLS
bool in_runtime;      // TLS
byte my_carrier;      // TLS
byte running_on;      // NOWHERE: parked
bool kicked[2];       // pending for the kernel thread
byte pending;         // PendingSignals
byte taken[SENDERS], done;
bool linked, user_code_for_ever;

#define BIT(i) (1 << (i))

inline note_taken(i) {
  if
  :: (what & BIT(i)) -> taken[i]++; assert(taken[i] == 1)
  :: else
  fi
}

// PendingSignals::take, all of them; and the handlers run.
inline take() {
#ifdef TAKE_WITHOUT_LOCK
  what = pending;
  atomic { pending = pending & ~what; note_taken(0); note_taken(1); what = 0 }
#else
  atomic { what = pending; pending = 0; note_taken(0); note_taken(1); what = 0 }
#endif
}

// unpark(): one exchange, of the word that it has seen.
inline unpark(how) {
  atomic {
    if
#ifdef DEAF_PARKS_END
    :: parking == awake || parking == parked -> parking = how
#else
    :: (parking == awake || parking == parked) && (how == woken || hears) -> parking = how
#endif
    :: else
    fi
  }
}

proctype Sender(byte i) {
  mtype seen;
  byte carrier;
#ifdef READ_CARRIER_FIRST
  carrier = my_carrier;
#endif
#ifdef LOOK_BEFORE_FLAG
  seen = parking;
#endif
#ifdef FLAG_BEFORE_PUTTING
  has_notice = true;
  pending = pending | BIT(i);
#else
  pending = pending | BIT(i);
  has_notice = true;
#endif
#ifndef LOOK_BEFORE_FLAG
  seen = parking;
#endif
  unpark(signalled);
#ifndef NO_KICK
  if
  :: seen == parked
  :: else ->
#ifndef READ_CARRIER_FIRST
    carrier = my_carrier;
#endif
    kicked[carrier] = true
  fi;
#endif
  done++
}

// The kernel: on_signal(), which interrupts whoever runs there.
proctype Kernel(byte c) {
  byte what;
end_of_all:
  do
  :: atomic { kicked[c] ->
       kicked[c] = false;
       if
       :: running_on != c                // another greenlet, which has nothing pending
       :: running_on == c && in_runtime  // the flag is looked at on leaving
       :: else -> goto handler
       fi
     };
    goto end_of_all;
handler:
    take();
    goto end_of_all
  od
}

proctype Waker() {
end_of_all:
  do
  :: atomic { linked -> linked = false; unpark(woken) }
  od
}

// The end of the outermost Runtime.
inline leave_hub() {
  in_runtime = false;
#ifndef NO_LOOK_ON_LEAVING
  if
  :: has_notice -> // take_notice
#ifdef CLEAR_AFTER_TAKING
    take();
    has_notice = false
#else
    has_notice = false;
    take()
#endif
  :: else
  fi
#endif
}

inline begin_park(hearing) {
  atomic { parking = awake; hears = hearing } // prepare_to_park
  in_runtime = true;
  linked = !last; // published
#ifndef NO_LOOK_BEFORE_PARK
  if
  :: has_notice -> unpark(signalled)
  :: else
  fi;
#endif
  atomic { // Hub::stop: off its stack, and then to be woken
    if
    :: parking == awake -> parking = parked; running_on = NOWHERE
    :: else
    fi
  }
}

// The hub, on either carrier.
inline resume() {
  atomic {
    if
    :: running_on == NOWHERE ->
      if :: running_on = 0 :: running_on = 1 fi;
      my_carrier = running_on
    :: else
    fi
  }
}

inline end_park() {
  atomic { how = parking; parking = awake; hears = false } // take_outcome
  assert(hearing || how == woken);
  atomic { was_woken = !linked; linked = false } // step 4
  assert(how == signalled || was_woken);
  leave_hub()
}

proctype Greenlet() {
  byte parks, what;
  mtype how;
  bool hearing, last, was_woken;
  do
  :: parks < PARKS ->
    parks++;
    if :: hearing = true :: hearing = false fi;
    do
    :: begin_park(hearing);
      parking != parked;
      resume();
      end_park();
      if :: was_woken -> break :: else fi // else it waits again
    od
  :: parks == PARKS -> break
  od;
  if
  :: true -> done == SENDERS && pending == 0 // computes for ever
  :: true -> // waits for ever for what never comes
    last = true;
    hearing = true;
    do
    :: begin_park(true);
      if
      :: parking != parked -> resume(); how = parking; atomic { parking = awake; hears = false }; leave_hub()
      :: parking == parked && done == SENDERS && pending == 0 -> break
      fi
    od
  fi
}

init {
  atomic {
    run Greenlet();
    run Waker();
    run Kernel(0);
    run Kernel(1);
    byte i;
    for (i : 0 .. SENDERS - 1) { run Sender(i) }
  }
}
