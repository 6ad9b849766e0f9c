#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_WORDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_WORDS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// What a statement that failed was about.
enum class Touched : std::uint8_t {
  kOwnTable,  ///< What the mirror keeps for itself: that it is not there, or not as it was made, is damage.
  kMirroredTable,  ///< A table of the source's: a DBA may have changed it.
};

/// PostgreSQL's error with the code that a store gives, see store_transaction.h, and what to do where that is
/// known. postgres::FailureOf() goes on telling what it was. What is not PostgreSQL's stays as it is. What
/// has come through here already is told as `touched` has it now, and once.
absl::Status InStoreWords(const absl::Status& status, Touched touched);
/// The same of what has a value where all went well.
template <typename T>
absl::StatusOr<T> InStoreWords(absl::StatusOr<T> got, Touched touched) {
  if (got.ok()) return got;
  return InStoreWords(got.status(), touched);
}

/// The same plan, made again in a new transaction, may succeed: two were in each other's way, or a table's
/// definition changed under a statement that was prepared.
bool MayTryAgain(const absl::Status& status);

/// CREATE SCHEMA failed since somebody else has made it: before, or at the same time, which an index tells
/// who comes second.
bool SchemaWasThere(const absl::Status& made);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACE_WORDS_H_
