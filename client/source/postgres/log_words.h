#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_WORDS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_WORDS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "client/source/postgres/replication_slot.h"

namespace mirror {

/// Why a log cannot be read, for the code that decides how to continue.
enum class LogTrouble : std::uint8_t {
  kNone,           ///< None of these.
  kNoSlot,         ///< There is no such slot. NOT_FOUND.
  kInUse,          ///< Another process reads it. UNAVAILABLE.
  kLost,           ///< The server no longer keeps the log for the slot. FAILED_PRECONDITION.
  kOtherSlot,      ///< The slot is another database's, or not pgoutput's. FAILED_PRECONDITION.
  kNoPublication,  ///< The publication did not exist at the slot's position. FAILED_PRECONDITION.
  kDenied,         ///< The role lacks a right. FAILED_PRECONDITION.
  kNotLogical,     ///< wal_level is not logical. FAILED_PRECONDITION.
  kNoFreeSlot,     ///< All slots, or all senders, of the server are in use. UNAVAILABLE.
  kBehindEnd,      ///< The position asked for is not in the server's log yet. OUT_OF_RANGE.
};
LogTrouble LogTroubleOf(const absl::Status& status);

/// Returns the error of a trouble with the message `words` for people.
absl::Status ToStatus(LogTrouble trouble, const std::string& words);

/// Returns the visible reason why a slot cannot be read; OK: none.
absl::Status WhyUnreadable(const std::string& slot, const SlotLook& look);

absl::Status SlotInUse(const std::string& slot, const ReplicationSlot& found);
/// `exists`: the publication exists now.
absl::Status PublicationMissing(const std::string& publication, const std::string& slot, bool exists);

/// Explains errors of a refused replication connection, and of calls about slots.
absl::Status ExplainLog(const absl::Status& status, const std::string& slot);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_WORDS_H_
