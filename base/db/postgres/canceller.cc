#include "base/db/postgres/canceller.h"

#include <libpq-fe.h>

namespace mirror::postgres {

Canceller::Canceller(pg_conn* connection) : cancel_(PQgetCancel(connection)) {}

Canceller::~Canceller() { PQfreeCancel(cancel_); }

absl::Status Canceller::Cancel() {
  const MutexLock lock(mutex_);
  if (!allowed_) return absl::FailedPreconditionError("nothing is cancelled: it commits, or is at its end");
  char words[256] = "";
  if (cancel_ == nullptr || PQcancel(cancel_, words, sizeof(words)) != 1) {
    return absl::UnavailableError("the server was not reached, so what it works on goes on");
  }
  return absl::OkStatus();
}

void Canceller::Allow(bool allow) {
  const MutexLock lock(mutex_);
  allowed_ = allow;
}

}  // namespace mirror::postgres
