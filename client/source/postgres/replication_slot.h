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

// These functions run outside of transactions, on any session of the database and on replication
// connections.

namespace mirror {

/// A row of pg_replication_slots. A position of 0 means none.
struct ReplicationSlot {
  std::string plugin, database;   ///< Empty for a physical slot.
  bool here = false;              ///< Its database is the session's.
  std::string wal_status;         ///< reserved, extended, unreserved, lost; empty: it keeps nothing.
  std::string invalidation = {};  ///< The server's reason why it is lost, if it gives one.
  std::optional<std::int64_t> safe_wal_size;  ///< Bytes until it may be lost; absent: no limit.
  std::uint64_t restart_lsn = 0, confirmed_flush_lsn = 0;
  int active_pid = 0;                           ///< The server process that reads it; 0: none.
  std::string active_role, active_application;  ///< Of that process, if visible to the role.
  bool is_lost() const { return wal_status == "lost" || !invalidation.empty(); }
};

/// The server's description of a slot, and of the slot's requirements.
struct SlotLook {
  std::optional<ReplicationSlot> slot;  ///< Absent: there is no slot of this name.
  std::string wal_level;
  std::int64_t slots = 0, slots_max = 0;        ///< Of the whole server.
  std::chrono::milliseconds sender_timeout{0};  ///< wal_sender_timeout; 0: none.
  std::uint64_t end_lsn = 0;                    ///< End of the server's log; of a standby: its replay.
};
absl::StatusOr<SlotLook> LookAtSlot(postgres::Connection& connection, const std::string& slot);

/// Returns the default name of a source's slot and publication: "_mirror_" and the id in lower case, other
/// characters as '_', plus 8 hexadecimal digits that keep it unique if the id was changed.
std::string DefaultLogName(std::string_view context_id);
/// Errors: kInvalidArgument: PostgreSQL accepts no slot of this name.
absl::Status CheckSlotName(std::string_view slot);

/// Creates the slot for pgoutput; the publication must exist. The slot's log begins here. Returns its
/// position. Waits for the open transactions, for each of them `within` at most. Errors: kUnavailable: they
/// did not end in time (the message names some), or no slot is free; kAlreadyExists; those of LogTrouble.
absl::StatusOr<std::uint64_t> CreateSlot(postgres::Connection& connection, const std::string& slot,
                                         std::chrono::milliseconds within);

/// Drops the slot; does nothing if there is none. First ends a process that reads it as `application` with
/// this session's role. Errors: kInUse, if another process reads it; kOtherSlot.
absl::Status DropSlot(postgres::Connection& connection, const std::string& slot,
                      const std::string& application);

/// Advances the slot, and returns its new position: that of a transaction's end, possibly lower than asked.
/// Skipped log is never sent.
absl::StatusOr<std::uint64_t> AdvanceSlot(postgres::Connection& connection, const std::string& slot,
                                          std::uint64_t to);

/// Returns some transactions that are open at the server, for people; empty: none is.
std::string OpenTransactions(postgres::Connection& connection);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_REPLICATION_SLOT_H_
