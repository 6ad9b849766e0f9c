#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_REPLICATION_SLOT_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_REPLICATION_SLOT_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"

// All of these run outside of transactions, on any session of the database and on connections for
// replication.

namespace mirror {

/// A row of pg_replication_slots. Positions of 0: there is none.
struct ReplicationSlot {
  std::string plugin, database;   ///< Empty: of a physical one.
  bool here = false;              ///< Its database is that of the session.
  std::string wal_status;         ///< reserved, extended, unreserved, lost; empty: it keeps nothing.
  std::string invalidation = {};  ///< Where the server says why it is lost.
  std::optional<std::int64_t> safe_wal_size;  ///< Bytes until it may be lost; absent: there is no limit.
  std::uint64_t restart_lsn = 0, confirmed_flush_lsn = 0;
  int active_pid = 0;                           ///< Of the server's process that reads it; 0: none.
  std::string active_role, active_application;  ///< Of that process, where the role may know it.
  bool is_lost() const { return wal_status == "lost" || !invalidation.empty(); }
};

/// What a server says of a slot, and of what it needs.
struct SlotLook {
  std::optional<ReplicationSlot> slot;  ///< Absent: there is none of this name.
  std::string wal_level;
  std::int64_t slots = 0, slots_max = 0;        ///< Of the whole server.
  std::chrono::milliseconds sender_timeout{0};  ///< wal_sender_timeout; 0: none.
  std::uint64_t end_lsn = 0;                    ///< Of the server's log; of a standby, as it has come there.
};
absl::StatusOr<SlotLook> LookAtSlot(postgres::Connection& connection, const std::string& slot);

/// "_mirror_" and the id in lower case, other characters as '_', and 8 hexadecimal digits that tell it from
/// others where that changed it: the default name of a source's slot and of its publication.
std::string DefaultLogName(std::string_view context_id);
/// Errors: kInvalidArgument: PostgreSQL keeps no slot of this name.
absl::Status CheckSlotName(std::string_view slot);

/// Makes it, for pgoutput, behind the publication's making: its log begins here. Gives its position. It waits
/// for the transactions that are open, each of them, for `within` at most. Errors: kUnavailable: they were
/// not over in time (the message names some), or no slot is free; kAlreadyExists; those of LogTrouble.
absl::StatusOr<std::uint64_t> CreateSlot(postgres::Connection& connection, const std::string& slot,
                                         std::chrono::milliseconds within);

/// Drops it; harmless when there is none. A process that reads it as `application` and by this session's role
/// is ended first. Errors: kInUse, when another one reads it; kOtherSlot.
absl::Status DropSlot(postgres::Connection& connection, const std::string& slot,
                      const std::string& application);

/// Moves it forward to a position, and gives the one that it has then: that of a transaction's end, or lower
/// than asked. What lies between is not sent any more.
absl::StatusOr<std::uint64_t> AdvanceSlot(postgres::Connection& connection, const std::string& slot,
                                          std::uint64_t to);

/// The transactions that are open at the server, some of them, for people; empty: none is.
std::string OpenTransactions(postgres::Connection& connection);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_REPLICATION_SLOT_H_
