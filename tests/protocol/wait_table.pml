// patch/wait_table.h: sleepers against wakers of one object with a state word, a mutex or a semaphore.
//
// THREADS threads take a token and give it back; there are TOKENS. With POSTED they keep it, as a semaphore's, and
// a poster for each gives one. Parking is park.h's word (hub.pml has the rest of
// it). Which sleeper is the oldest does not matter for what is checked: any is woken. Sleepers of other addresses in
// the same bucket, and readers and writers, are left out.
// The state changes by locked instructions. With PLAIN_UNLOCK a giver's store waits in its store buffer instead, while
// its later loads pass it, as on x86-TSO.
//
// With SIGNALS a handler may run where a park has ended by a signal, and end the call, or the thread.
//
// Checked: never more holders than tokens; everybody gets one and ends, or its deadline passes, or a signal ends it.
#ifndef THREADS
#define THREADS 3
#endif
#ifndef TOKENS
#define TOKENS 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif

mtype = { awake, parked, woken, timed_out, signalled };
mtype parking[THREADS];
#ifdef POSTED
#define AT_FIRST 0
#else
#define AT_FIRST TOKENS
#endif
byte tokens = AT_FIRST, holders, pending; // pending: in store buffers

// Bucket
bool locked, linked[THREADS];
byte count;

proctype StoreBuffers() {
end_of_all:
  do
  :: atomic { pending > 0 -> pending--; tokens++ }
  od
}

inline attempt() { // a locked instruction, also where it fails
  atomic { if :: tokens > 0 -> tokens--; holders++; assert(holders <= TOKENS); mine = true :: else fi }
}

inline remove() {
  atomic { !locked -> was_linked = linked[me]; linked[me] = false; if :: was_linked -> count-- :: else fi }
}

inline wake_one() { // wake(address, 1), wake_sleeper(), unpark()
  if
  :: count != 0 ->
    atomic {
      !locked ->
      if
      :: linked[0] -> other = 0
      :: linked[1] -> other = 1
#if THREADS > 2
      :: linked[2] -> other = 2
#endif
      :: else
      fi;
      if :: other != 255 -> locked = true; linked[other] = false; count-- :: else fi
    }
    if
    :: other != 255 ->
      atomic {
        if
        :: parking[other] == awake || parking[other] == parked -> parking[other] = woken
        :: else
        fi;
        locked = false;
        other = 255
      }
    :: else
    fi
  :: count == 0
  fi
}

proctype Thread(byte me) {
  bool mine, was_linked;
  byte other = 255, round;
  do
  :: round < ROUNDS ->
    round++;
    attempt();
    do // try_then_park()
    :: mine -> break
    :: else ->
      parking[me] = awake;
#ifdef TRY_BEFORE_ADD
      attempt();
      atomic { !locked -> linked[me] = true; count++ }
      if :: mine -> remove() :: else fi;
#else
      atomic { !locked -> linked[me] = true; count++ } // add()
#ifndef NO_SECOND_TRY
      attempt();
#endif
#endif
      if
      :: mine ->
        remove();
#ifndef NO_PASSING_ON
        if :: !was_linked -> wake_one() :: else fi;
#endif
        break
      :: else
      fi;
      atomic { if :: parking[me] == awake -> parking[me] = parked :: else fi } // park()
      if
      :: parking[me] != parked
#ifdef DEADLINES
      :: atomic { me == 0 && parking[me] == parked -> parking[me] = timed_out } // only 0 has one
#endif
#ifdef SIGNALS
      :: atomic { me == 0 && parking[me] == parked -> parking[me] = signalled } // only 0 gets one, that ends the call
#endif
      fi;
      remove();
#ifdef TIMED_OUT_FORGETS_WAKE
      if :: parking[me] == timed_out -> goto next :: else fi;
#endif
      if
      :: parking[me] == timed_out && was_linked -> // its deadline has passed: once more, and no more
        attempt();
        if :: mine -> break :: else -> goto next fi
      :: parking[me] == signalled && was_linked -> goto next // EINTR, or its handler ends the thread
#ifndef SIGNAL_FORGETS_WAKE
      :: !was_linked -> // a wake-up is used at once, before handlers run
        attempt();
        if :: mine -> break :: else fi
#else
      :: parking[me] == signalled && !was_linked -> goto next
#endif
      :: else
      fi
    od;
    atomic { // the critical section; then the unlock
      mine = false;
#ifdef POSTED
      goto next;
#endif
      holders--;
#ifdef PLAIN_UNLOCK
      pending++
#else
      tokens++
#endif
    }
    wake_one();
next:
    parking[me] = awake
  :: else -> break
  od
}

#ifdef POSTED
proctype Poster() {
  byte other = 255;
  tokens++;
  wake_one()
}
#endif

init {
  byte i;
  atomic {
    for (i : 0 .. THREADS - 1) { parking[i] = awake }
    for (i : 0 .. THREADS - 1) { run Thread(i) }
#ifdef POSTED
    for (i : 0 .. THREADS - 1) { run Poster() }
#endif
    run StoreBuffers();
    i = 0
  }
}
