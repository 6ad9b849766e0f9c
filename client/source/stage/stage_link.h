#ifndef MIRROR_CLIENT_SOURCE_STAGE_STAGE_LINK_H_
#define MIRROR_CLIENT_SOURCE_STAGE_STAGE_LINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "client/source/stage/stage_place.h"

namespace mirror {

/// The connection on which a stage is written, and whether it is still this process that stages. Threads: one
/// at a time.
class StageLink {
 public:
  explicit StageLink(StagePlace& stage);

  /// To the file that stands at the path. Errors: also kAborted: it is another one than this process stages
  /// in; then it is connected to that.
  absl::Status Connect();

  enum class Found {
    kAsLeft,  ///< Nobody wrote since the last time.
    kOthers,  ///< Other processes did, but they do not stage.
    kNew,     ///< From now on this process stages in it.
  };
  /// Takes the file over where it is not this process that stages. Errors: also kAborted: another one has
  /// taken it over, or its place is not the one that was written here; the next Own() takes it over.
  absl::StatusOr<Found> Own();
  /// The same question, within a transaction.
  absl::Status CheckOwner();
  /// The place in the file, as it was found and written here.
  std::int64_t place() const { return place_; }
  /// It was written, by this.
  void set_place(std::int64_t place) { place_ = place; }
  /// Whoever stages takes it over anew.
  void Leave() { is_owner_ = false; }

  using Work = std::function<absl::Status(const sqlite::Connection&)>;
  /// In a transaction of its own, or within the long one. What fails leaves nothing.
  absl::Status Write(const Work& work);
  /// A transaction that stays open over several calls.
  absl::Status BeginLong();
  absl::Status CommitLong();
  void RollBackLong();
  bool is_long() const { return is_long_; }

  const sqlite::Connection& database() const { return *database_; }
  const StageFile& file() const { return *file_; }

 private:
  absl::Status Lose(const std::string& why);
  absl::StatusOr<std::int64_t> Version();

  StagePlace& stage_;
  const std::string nonce_;  ///< Tells this one from others that stage.
  std::shared_ptr<StageFile> file_;
  std::unique_ptr<sqlite::Connection> database_;
  sqlite::Statement look_;  ///< Asks for `version_`, at each transaction of the source.
  bool is_owner_ = false, is_long_ = false;
  std::int64_t version_ = 0;  ///< Differs when another process wrote.
  std::int64_t place_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STAGE_STAGE_LINK_H_
