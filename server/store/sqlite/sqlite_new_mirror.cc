#include "server/store/sqlite/sqlite_new_mirror.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/disk.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "server/store/sqlite/sqlite_database.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

void RemoveDatabase(const std::string& path) {
  for (const char* suffix : {"", "-journal", kLogSuffix, kIndexSuffix}) {
    std::error_code error;
    fs::remove(path + suffix, error);
  }
}

/// The sentence between the cause and the advice. It is the same as for an existing mirror, see SqliteStatus.
constexpr char kNothingApplied[] = ". Nothing was applied";

absl::Status DiskTrouble(const std::string& path, const char* doing) {
  return absl::UnavailableError(absl::StrCat(doing, " '", path, "': ", std::strerror(errno),
                                             ". The rows of the new mirror are lost and its cycle is over. "
                                             "Repair the disk; the next cycle populates it."));
}

absl::Status Sync(const std::string& path, int flags) {
  errno = SyncPath(path, flags);
  return errno == 0 ? absl::OkStatus() : DiskTrouble(path, "writing");
}

/// Bytes of a growing new mirror after which the system begins to write them to disk, so that less is left
/// for the final sync.
constexpr std::int64_t kEarlyBytes = 16 << 20;

/// Returns the tenant as the claim stores it, without a cycle, because a crash ends the cycle.
TenantRecord Claimed(TenantRecord tenant) {
  tenant.active = false;
  tenant.holder.clear();
  tenant.announced.clear();
  tenant.touched = false;
  return tenant;
}

class NewMirror final : public Store {
 public:
  NewMirror(std::string path, std::string context_id, const SqliteOptions& options,
            std::shared_ptr<void> place)
      : path_(std::move(path)),
        building_path_(path_ + kBuildingSuffix),
        context_id_(std::move(context_id)),
        options_(options),
        place_(std::move(place)) {}

  ~NewMirror() override {
    if (!building_) return;
    bool let_in = true;
    if (claim_) {
      const absl::StatusOr<TenantRecord> tenant = claim_->records().ReadTenant();
      let_in = !tenant.ok() || !tenant->issuer.empty();
    }
    rows_.reset();
    claim_.reset();
    RemoveDatabase(building_path_);
    if (!let_in) RemoveDatabase(path_ + kClaimSuffix);
  }

  absl::Status Open() {
    RemoveDatabase(building_path_);
    ASSIGN_OR_RETURN(
        claim_, OpenSqliteDatabase(path_ + kClaimSuffix, context_id_, true,
                                   options_.claims_wait ? MirrorUse::kClaimWithoutSync : MirrorUse::kClaim,
                                   options_));
    ASSIGN_OR_RETURN(rows_,
                     OpenSqliteDatabase(building_path_, context_id_, true, MirrorUse::kBuilding, options_));
    file_.emplace(open(building_path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file_->get() < 0) return DiskTrouble(building_path_, "opening");
    early_.emplace(file_->get(), kEarlyBytes);
    return TakeClaim();
  }

  StoreRecords& records() override { return rows_->records(); }
  StoreUpkeep& upkeep() override { return building_ ? upkeep_ : rows_->upkeep(); }
  absl::Status CheckTable(const TableSchema& table) override { return rows_->CheckTable(table); }

  absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) override {
    if (!building_) return rows_->Begin(intent);
    if (lost_) return Gone();
    if (FileExists(path_)) return FileAppeared();
    absl::StatusOr<std::unique_ptr<StoreWork>> rows = rows_->Begin(intent);
    if (!rows.ok()) return Lost(rows.status());
    return std::make_unique<BuildingWork>(*this, *std::move(rows));
  }
  absl::StatusOr<std::int64_t> ReadDataVersion() override { return rows_->ReadDataVersion(); }

  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override {
    if (!building_) return rows_->OpenSnapshot();
    return absl::FailedPreconditionError(
        "the mirror is being made by its first cycle and can be read when this cycle is over. Nothing was "
        "done.");
  }

  bool IsBuilding() override { return building_; }
  bool IsDurable() override { return !building_; }
  absl::Status MakeDurable() override { return absl::OkStatus(); }

 private:
  /// A transaction on the rows. It first commits to the claim what the claim has to store.
  class BuildingWork final : public StoreWork {
   public:
    BuildingWork(NewMirror& mirror, std::unique_ptr<StoreWork> rows)
        : mirror_(mirror), rows_(std::move(rows)) {}
    const TenantRecord& tenant() const override { return rows_->tenant(); }
    absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) override {
      return mirror_.CommitBuilding(*rows_, plan, savepoints);
    }
    /// Here the end of a cycle does more than run a plan.
    bool ReadsItsWrites() const override { return false; }
    absl::StatusOr<CommitResult> RunFirst(const Plan&) override {
      return absl::InternalError("a mirror that is being made takes one plan at a time. Nothing was done.");
    }

   private:
    NewMirror& mirror_;
    const std::unique_ptr<StoreWork> rows_;
  };

  /// Maintenance of a mirror that is being built. Such a mirror is discarded if something is wrong.
  class BuildingUpkeep final : public StoreUpkeep {
   public:
    explicit BuildingUpkeep(NewMirror& mirror) : mirror_(mirror) {}
    Stale WhyStale() override {
      return mirror_.lost_ || FileExists(mirror_.path_) ? Stale::kReplaced : Stale::kNo;
    }
    absl::Status CheckWhole(std::chrono::milliseconds) override {
      const absl::StatusOr<TenantRecord> tenant = mirror_.records().ReadTenant();
      if (!tenant.ok() || !tenant->active) return tenant.status();
      return absl::UnavailableError("its first cycle is making the mirror. Wait until this cycle is over.");
    }
    absl::Status Scrub() override { return absl::OkStatus(); }
    void Rest() override {}
    absl::Status Quarantine(const std::string&) override { return absl::OkStatus(); }
    std::string Quarantined() override { return ""; }
    absl::Status Release() override { return absl::OkStatus(); }
    absl::Status CheckIntegrity() override { return mirror_.rows_->upkeep().CheckIntegrity(); }
    absl::StatusOr<std::vector<std::string>> ReadHistories() override {
      return mirror_.rows_->upkeep().ReadHistories();
    }
    absl::Status CheckOwnTables() override { return mirror_.rows_->upkeep().CheckOwnTables(); }
    std::uint64_t BytesOnDisk() override {
      return mirror_.rows_->upkeep().BytesOnDisk() +
             (mirror_.claim_ ? mirror_.claim_->upkeep().BytesOnDisk() : 0);
    }

   private:
    NewMirror& mirror_;
  };

  absl::StatusOr<CommitResult> CommitBuilding(StoreWork& rows, const Plan& plan, Savepoints savepoints) {
    const bool ends = EndsBuilding(plan, rows.tenant());
    if (!ends || plan.nonce) RETURN_IF_ERROR(KeepClaim(plan));
    absl::StatusOr<CommitResult> result = rows.Commit(plan, savepoints);
    if (!result.ok() || !result->again) claimed_nonce_.clear();
    if (absl::IsUnavailable(result.status()) || absl::IsDataLoss(result.status())) {
      return Lost(result.status());
    }
    if (!result.ok() || result->again) return result;
    if (absl::Status status = Grown(); !status.ok()) return Lost(status);
    if (!ends) return result;
    if (absl::Status status = GiveName(); !status.ok()) return Lost(status);
    return result;
  }

  absl::Status Grown() {
    const auto bytes = static_cast<std::int64_t>(FileBytes(building_path_));
    const std::int64_t before = std::exchange(bytes_, bytes);
    if (bytes <= before || early_->Wrote(before, bytes - before)) return absl::OkStatus();
    return DiskTrouble(building_path_, "writing");
  }

  absl::Status TakeClaim() {
    ASSIGN_OR_RETURN(TenantRecord tenant, claim_->records().ReadTenant());
    ASSIGN_OR_RETURN(std::vector<Nonce> nonces, claim_->ReadNonces());
    Plan plan;
    plan.tenant = std::move(tenant);
    for (const Nonce& nonce : nonces) {
      plan.nonce = nonce;
      if (absl::StatusOr<CommitResult> result = rows_->Commit(plan); !result.ok()) return result.status();
    }
    return rows_->Commit(plan.nonce ? Plan{} : plan).status();
  }

  /// Puts on disk what must survive a crash, before any caller gets an answer.
  absl::Status KeepClaim(const Plan& plan) {
    if (!plan.tenant) return absl::OkStatus();
    Plan kept;
    kept.now_ms = plan.now_ms;
    kept.tenant = Claimed(*plan.tenant);
    // If a plan runs again (CommitResult::again), its nonce is in the claim already. The rows say whether it
    // is new.
    if (plan.nonce && plan.nonce->value != claimed_nonce_) kept.nonce = plan.nonce;
    absl::Status status = claim_->Commit(kept).status();
    if (status.ok() && plan.nonce) claimed_nonce_ = plan.nonce->value;
    return status;
  }

  /// Returns whether the running cycle ends, or an operator changes a tenant that has no cycle.
  static bool EndsBuilding(const Plan& plan, const TenantRecord& before) {
    if (!plan.tenant) return false;
    if (before.active) return !plan.tenant->active || plan.tenant->cycle != before.cycle;
    return !plan.tenant->active && !plan.nonce;
  }

  absl::Status GiveName() {
    CrashPoint("building.complete");
    RETURN_IF_ERROR(rows_->EndBuilding());
    early_.reset();
    rows_.reset();
    for (const char* suffix : {kLogSuffix, kIndexSuffix}) {
      std::error_code error;
      fs::remove(building_path_ + suffix, error);
      // SQLite would apply a log that an older mirror left to this one.
      fs::remove(path_ + suffix, error);
      if (error) return DiskTrouble(path_ + suffix, "removing");
    }
    if (fsync(file_->get()) != 0) return DiskTrouble(building_path_, "writing");
    file_.reset();
    CrashPoint("building.synced");
    if (renameat2(AT_FDCWD, building_path_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
      return DiskTrouble(building_path_, "renaming");
    }
    CrashPoint("building.named");
    if (absl::Status status = Sync(fs::path(path_).parent_path().string(), O_RDONLY | O_DIRECTORY);
        !status.ok()) {
      return status;
    }
    ASSIGN_OR_RETURN(rows_, OpenSqliteDatabase(path_, context_id_, false, MirrorUse::kMirror, options_));
    building_ = false;
    claim_.reset();
    RemoveDatabase(path_ + kClaimSuffix);
    place_.reset();
    return absl::OkStatus();
  }

  absl::Status Lost(const absl::Status& status) {
    lost_ = true;
    // From now on readers find a mirror without rows and without a cycle.
    if (!rows_) rows_ = std::move(claim_);
    // Errors of an existing mirror advise a retry or quarantine a damaged file. Of this mirror nothing is
    // left, so the error says something else.
    const std::string said(status.message());
    const std::size_t cause = said.find(kNothingApplied);
    if (!absl::IsDataLoss(status) && cause == std::string::npos) return status;
    return absl::UnavailableError(absl::StrCat("building the new mirror: ", said.substr(0, cause),
                                               ". Its rows are lost and its cycle is over. Look at the disk; "
                                               "the next cycle populates it."));
  }

  static absl::Status Gone() {
    return absl::UnavailableError(
        "the new mirror could not be built. Its rows are lost and its cycle is over; begin a new one.");
  }

  absl::Status FileAppeared() {
    return absl::UnavailableError(absl::StrCat(
        "a file was put at '", path_,
        "' while the mirror was being built. The file was left as it is, and the new mirror was discarded. "
        "The cycle is over; begin a new one."));
  }

  const std::string path_;
  const std::string building_path_;
  const std::string context_id_;
  const SqliteOptions options_;
  std::shared_ptr<void> place_;  ///< Held as long as the mirror is being built.
  bool building_ = true;
  bool lost_ = false;                      ///< The rows were lost; the mirror still counts as being built.
  std::unique_ptr<SqliteDatabase> claim_;  ///< Set as long as the mirror is being built.
  std::string claimed_nonce_;              ///< The nonce in the claim, of a plan that is not in the rows yet.
  std::unique_ptr<SqliteDatabase> rows_;
  /// Set as long as the mirror is being built. It is opened before the first row, so that its sync reports
  /// each page that the disk has refused since.
  std::optional<OwnedDescriptor> file_;
  std::optional<EarlyWriting> early_;  ///< Set as long as the mirror is being built.
  std::int64_t bytes_ = 0;             ///< Size of the file after the last commit.
  BuildingUpkeep upkeep_{*this};       ///< Used as long as the mirror is being built.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenNewMirror(const std::string& path, const std::string& context_id,
                                                     const SqliteOptions& options,
                                                     std::shared_ptr<void> place) {
  auto mirror = std::make_unique<NewMirror>(path, context_id, options, std::move(place));
  RETURN_IF_ERROR(mirror->Open());
  return mirror;
}

absl::Status ClaimNewMirror(const std::string& path, const std::string& context_id, const TenantRecord& owner,
                            std::int64_t now_ms) {
  RemoveDatabase(path + kClaimSuffix);
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteDatabase> claim,
                   OpenSqliteDatabase(path + kClaimSuffix, context_id, true, MirrorUse::kClaimWithoutSync,
                                      SqliteOptions{}));
  Plan plan;
  plan.now_ms = now_ms;
  plan.tenant = Claimed(owner);
  RETURN_IF_ERROR(claim->Commit(plan).status());
  absl::Status synced = Sync(path + kClaimSuffix, O_RDWR);
  return synced.ok() ? Sync(fs::path(path).parent_path().string(), O_RDONLY | O_DIRECTORY) : synced;
}

void RemoveNewMirror(const std::string& path) {
  if (FileExists(path + kBuildingSuffix)) RemoveDatabase(path + kBuildingSuffix);
  if (FileExists(path + kClaimSuffix)) RemoveDatabase(path + kClaimSuffix);
}

}  // namespace mirror
