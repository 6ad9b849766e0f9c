#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_INBOX_WRITER_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_INBOX_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/datajoin/box_entry.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// `note1` of an entry that will be imported.
inline constexpr char kWaiting[] = "waiting";

/// Puts deliveries into ds_change_inbox, an entry for each column. In a change, behind the filling of
/// `_mirror_inbox`. Errors: those of SqliteFile. Threads: one.
class InboxWriter {
 public:
  /// What is referred to outlives it.
  InboxWriter(const SqliteFile& file, const ExchangeRules& rules, const std::string& database,
              std::int64_t now_ms)
      : file_(file), rules_(rules), database_(database), now_ms_(now_ms), tables_(file, rules) {}

  /// A delivery that has entries keeps them, and so does one of the same change of the same system: nothing
  /// of it stands there twice.
  absl::Status Offer(const std::vector<v1::Delivery>& deliveries);

 private:
  absl::Status Begin();
  absl::Status OfferOne(const v1::Delivery& delivery);
  absl::StatusOr<BoxEntry> MakeEntry(const v1::Delivery& delivery);
  absl::Status Add(const v1::Delivery& delivery, const BoxEntry& entry);
  /// Of an entry of the same change that is offered under another delivery no more; 0: there is none.
  absl::StatusOr<std::int64_t> FindSame(const BoxEntry& entry) const;
  absl::Status End();

  const SqliteFile& file_;
  const ExchangeRules& rules_;
  const std::string& database_;
  const std::int64_t now_ms_;
  MemberTables tables_;
  std::int64_t id_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_INBOX_WRITER_H_
