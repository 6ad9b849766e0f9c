#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_INBOX_WRITER_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_INBOX_WRITER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"
#include "client/exchange/datajoin/box_entry.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// `note1` of an entry that will be imported.
inline constexpr char kWaiting[] = "waiting";

/// Puts deliveries into ds_change_inbox, an entry for each column. In a change, behind the filling of
/// `_mirror_inbox`. Errors: those of BoxSql. Threads: one.
class InboxWriter {
 public:
  /// What is referred to outlives it.
  InboxWriter(BoxSource& source, const std::string& database, std::int64_t now_ms)
      : source_(source), sql_(source.sql()), database_(database), now_ms_(now_ms) {}

  /// A delivery that has entries keeps them, and so does one of the same change of the same system: nothing
  /// of it stands there twice.
  absl::Status Offer(const std::vector<v1::Delivery>& deliveries);

 private:
  /// What became of entries so far.
  struct Known {
    bool done = false, refused = false;
  };

  absl::Status Begin();
  absl::Status OfferOne(const v1::Delivery& delivery);
  absl::StatusOr<BoxEntry> MakeEntry(const v1::Delivery& delivery);
  absl::Status Add(const v1::Delivery& delivery, const BoxEntry& entry);
  /// Of an entry of the same change that is offered under another delivery no more; 0: there is none.
  absl::StatusOr<std::int64_t> FindSame(const BoxEntry& entry);
  absl::Status End();

  BoxSource& source_;
  BoxSql& sql_;
  const std::string& database_;
  const std::int64_t now_ms_;
  std::map<std::string, Known> known_;  ///< By delivery: those that are offered and have entries.
  std::int64_t id_ = 0;                 ///< The last one that was given.
  std::int64_t given_ = 0;              ///< The last one before.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_INBOX_WRITER_H_
