#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_WORDS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_WORDS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "client/source/postgres/replication_slot.h"

namespace mirror {

/// Why a log cannot be read, for who decides what follows.
enum class LogTrouble : std::uint8_t {
  kNone,           ///< Nothing of these.
  kNoSlot,         ///< There is no such slot. NOT_FOUND.
  kInUse,          ///< Another process reads it. UNAVAILABLE.
  kLost,           ///< The server keeps the log for it no more. FAILED_PRECONDITION.
  kOtherSlot,      ///< The slot is another database's, or not pgoutput's. FAILED_PRECONDITION.
  kNoPublication,  ///< Where the slot stands in the log, there was none. FAILED_PRECONDITION.
  kDenied,         ///< The role lacks a right. FAILED_PRECONDITION.
  kNotLogical,     ///< wal_level is not logical. FAILED_PRECONDITION.
  kNoFreeSlot,     ///< All slots, or all senders, of the server are taken. UNAVAILABLE.
  kBehindEnd,      ///< The position asked for is not in the server's log yet. OUT_OF_RANGE.
};
LogTrouble LogTroubleOf(const absl::Status& status);

/// Of what `words` say for people.
absl::Status ToStatus(LogTrouble trouble, const std::string& words);

/// What keeps a slot from being read, as far as it shows: OK: nothing.
absl::Status WhyUnreadable(const std::string& slot, const SlotLook& look);

absl::Status SlotInUse(const std::string& slot, const ReplicationSlot& found);
/// `exists`: it does now.
absl::Status PublicationMissing(const std::string& publication, const std::string& slot, bool exists);

/// Of a connection for replication that was refused, and of calls about slots.
absl::Status ExplainLog(const absl::Status& status, const std::string& slot);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_WORDS_H_
