#include "server/store/postgres/home/placed_import.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "base/status_macros.h"
#include "server/store/copy_contents.h"
#include "server/store/postgres/postgres_import.h"

namespace mirror {
namespace {

absl::Status ThereIsOne(const std::string& context_id) {
  return absl::FailedPreconditionError(absl::StrCat("there is a mirror of '", context_id,
                                                    "' here already. It was left as it is. Delete it first, "
                                                    "or keep it and remove the other one."));
}

class PlacedImport final : public MirrorImport {
 public:
  /// `replaces_at`: the time at which the present mirror is set aside. Absent: there must be no mirror.
  PlacedImport(PlacedMirrors& mirrors, const std::string& context_id, std::string place,
               std::unique_ptr<PostgresImport> import, std::optional<std::int64_t> replaces_at)
      : mirrors_(mirrors),
        context_id_(context_id),
        place_(std::move(place)),
        import_(std::move(import)),
        replaces_at_(replaces_at) {}

  absl::Status Begin(const MirrorContents& contents) override { return import_->Begin(contents); }
  absl::Status AddRows(const TableSchema& stored, RowBlock* rows) override {
    return import_->AddRows(stored, rows);
  }
  absl::Status Finish() override {
    // Makes indexes before users of the present mirror are blocked, and before the control database says
    // "importing".
    RETURN_IF_ERROR(import_->MakeIndexes());
    ASSIGN_OR_RETURN(const std::optional<Placement> found, mirrors_.Find(context_id_));
    if (!found.has_value() || !IsThere(*found)) return FinishNew();
    RETURN_IF_ERROR(CheckSpelling(*found, context_id_));
    return replaces_at_ ? FinishInPlaceOf(*found) : ThereIsOne(context_id_);
  }
  /// Returns the location of the mirror that was replaced; empty: there was none.
  const std::string& kept() const { return kept_; }
  const std::vector<std::string>& guarded() const { return import_->guarded(); }
  bool was_deleted() const { return was_deleted_; }

 private:
  absl::Status FinishInPlaceOf(const Placement& placement) {
    if (placement.place != place_) {
      return absl::UnavailableError(absl::StrCat("the mirror of '", context_id_,
                                                 "' was moved to another place meanwhile. It was not "
                                                 "changed; the same call again is safe."));
    }
    // The epoch is raised before the schema is replaced, because a schema may have an earlier epoch but no
    // later one.
    ASSIGN_OR_RETURN(const std::int64_t epoch, RaiseEpoch(mirrors_.control(), context_id_));
    RETURN_IF_ERROR(SetAside(placement.schema, epoch));
    RETURN_IF_ERROR(import_->Finish(placement.schema, epoch));
    CrashPoint("restore.after");
    // The mirror is in place. If this update fails now, the next opening of the mirror repeats it.
    mirrors_
        .Change(context_id_, MovePlacement, context_id_, PlacementState::kMaking, PlacementState::kServing)
        .status()
        .IgnoreError();
    return Keep();
  }

  absl::Status FinishNew() {
    // Announces the import before the control database says "importing". So a server that reads this state
    // finds this import running, or ended.
    RETURN_IF_ERROR(import_->Announce());
    ASSIGN_OR_RETURN(const std::optional<Placement> taken,
                     mirrors_.Change(context_id_, TakeForImport, context_id_, place_, SchemaOf(context_id_)));
    if (!taken.has_value()) return WhyNotTaken();
    CrashPoint("import.taken");
    absl::Status done = SetAside(taken->schema, taken->epoch);
    if (done.ok()) done = import_->Finish(taken->schema, taken->epoch);
    if (done.ok()) {
      CrashPoint("import.committed");
      RETURN_IF_ERROR(Keep());
      // If this update fails now, the next lookup of the mirror repeats it.
      mirrors_.Change(context_id_, EndImport, *taken, /*is_there=*/true).status().IgnoreError();
      CrashPoint("restore.after");
      was_deleted_ = taken->state == PlacementState::kRestoring;
      return done;
    }
    const postgres::Trouble trouble = postgres::TroubleOf(done);
    // If the mirror may exist all the same, the next lookup of the mirror finds out.
    const bool may_be_there =
        trouble == postgres::Trouble::kCommitUnknown || trouble == postgres::Trouble::kNotReplicated;
    if (!may_be_there)
      mirrors_.Change(context_id_, EndImport, *taken, /*is_there=*/false).status().IgnoreError();
    return trouble == postgres::Trouble::kExists ? ThereIsOne(context_id_) : done;
  }

  absl::Status WhyNotTaken() {
    ASSIGN_OR_RETURN(const std::optional<Placement> found, FindPlacement(mirrors_.control(), context_id_));
    if (found.has_value() && IsThere(*found)) return ThereIsOne(context_id_);
    if (found.has_value() && IsBeingDeleted(*found)) {
      return absl::UnavailableError(absl::StrCat("the mirror of '", context_id_,
                                                 "' is being deleted. Nothing was made; try again when the "
                                                 "deletion is done."));
    }
    return BeingImported(context_id_);
  }

  absl::Status SetAside(const std::string& schema, std::int64_t epoch) {
    if (!replaces_at_) return absl::OkStatus();
    const std::string aside = AsideName(context_id_, *replaces_at_, epoch);
    const absl::StatusOr<bool> was_there = import_->SetAside(schema, aside, epoch);
    CrashPoint("restore.kept");
    if (!was_there.ok()) return was_there.status();
    if (*was_there) kept_ = LocationOf(place_, aside);
    return absl::OkStatus();
  }
  /// Waits until the mirror is durable, because after a success the caller may delete the source of the
  /// import.
  absl::Status Keep() {
    const absl::Status kept = mirrors_.replicated() ? import_->WaitUntilReplicated() : absl::OkStatus();
    if (kept.ok()) return kept;
    return absl::UnavailableError(
        absl::StrCat("the mirror of '", context_id_, "' is in the place '", place_,
                     "', but it may not be durable there: ", std::string(kept.message())));
  }

  PlacedMirrors& mirrors_;
  const std::string context_id_, place_;
  const std::unique_ptr<PostgresImport> import_;
  const std::optional<std::int64_t> replaces_at_;
  std::string kept_;
  bool was_deleted_ = false;
};

absl::StatusOr<std::unique_ptr<PlacedImport>> NewImportInto(PlacedMirrors& mirrors, PostgresPlace& place,
                                                            const std::string& context_id,
                                                            std::optional<std::int64_t> replaces_at) {
  ASSIGN_OR_RETURN(std::unique_ptr<PostgresImport> import, PostgresImport::New(place, context_id));
  return std::make_unique<PlacedImport>(mirrors, context_id, place.options().name, std::move(import),
                                        replaces_at);
}

/// `place`: the target; empty: the place with the most room.
absl::StatusOr<std::unique_ptr<PlacedImport>> NewImportTo(PlacedMirrors& mirrors,
                                                          const std::string& context_id,
                                                          const std::string& place) {
  ASSIGN_OR_RETURN(const std::optional<Placement> found, mirrors.Find(context_id));
  if (found.has_value() && IsThere(*found)) return ThereIsOne(context_id);
  if (found.has_value() && IsBeingImported(*found)) return BeingImported(context_id);
  ASSIGN_OR_RETURN(const PlacedMirrors::Room room, mirrors.FindRoom(context_id));
  RETURN_IF_ERROR(CheckRoom(room, context_id));
  if (room.has_schema) return ThereIsOne(context_id);
  ASSIGN_OR_RETURN(PostgresPlace* const into, place.empty() ? room.place : mirrors.PlaceOf(place));
  return NewImportInto(mirrors, *into, context_id, std::nullopt);
}

class PlacedCopy final : public MirrorCopy {
 public:
  PlacedCopy(PlacedMirrors& mirrors, const std::string& context_id, std::unique_ptr<MirrorCopy> file)
      : mirrors_(mirrors), context_id_(context_id), file_(std::move(file)) {}

  absl::StatusOr<std::vector<std::string>> CopyOf(Snapshot& mirror, const GoOnCopying& go_on) override {
    return file_->CopyOf(mirror, go_on);
  }
  absl::Status CopyOf(const std::string& path) override { return file_->CopyOf(path); }
  std::uint64_t Bytes() const override { return file_->Bytes(); }
  absl::StatusOr<std::unique_ptr<Store>> Open() override { return file_->Open(); }
  absl::StatusOr<ReplacedMirror> Replace(std::int64_t now_ms, const GoOnCopying& go_on) override {
    ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, file_->Open());
    ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, store->OpenSnapshot());
    return ReplacePlaced(mirrors_, context_id_, *snapshot, now_ms, go_on);
  }
  absl::StatusOr<ReplacedMirror> PutWhereNoneIs(const std::string& place, const GoOnCopying& go_on) override {
    ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, file_->Open());
    ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, store->OpenSnapshot());
    ASSIGN_OR_RETURN(const std::unique_ptr<PlacedImport> import, NewImportTo(mirrors_, context_id_, place));
    ASSIGN_OR_RETURN(std::vector<std::string> left_out, CopyContents(*snapshot, *import, go_on));
    return ReplacedMirror{.kept = "", .left_out = std::move(left_out), .was_deleted = import->was_deleted()};
  }
  absl::StatusOr<std::string> Keep(std::int64_t now_ms) override { return file_->Keep(now_ms); }
  absl::StatusOr<std::string> ReadBytes(std::uint64_t from, std::size_t most) override {
    return file_->ReadBytes(from, most);
  }
  absl::Status AddBytes(std::string_view bytes) override { return file_->AddBytes(bytes); }

 private:
  PlacedMirrors& mirrors_;
  const std::string context_id_;
  const std::unique_ptr<MirrorCopy> file_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MirrorImport>> NewPlacedImport(PlacedMirrors& mirrors,
                                                              const std::string& context_id) {
  return NewImportTo(mirrors, context_id, /*place=*/"");
}

absl::StatusOr<ReplacedMirror> ReplacePlaced(PlacedMirrors& mirrors, const std::string& context_id,
                                             Snapshot& with, std::int64_t now_ms, const GoOnCopying& go_on) {
  ASSIGN_OR_RETURN(const std::optional<Placement> found, mirrors.Find(context_id));
  absl::StatusOr<PostgresPlace*> place = nullptr;
  if (found.has_value() && IsThere(*found)) {
    place = mirrors.PlaceOf(found->place);
  } else if (found.has_value() && IsBeingImported(*found)) {
    return BeingImported(context_id);
  } else {
    ASSIGN_OR_RETURN(const PlacedMirrors::Room room, mirrors.FindRoom(context_id));
    RETURN_IF_ERROR(CheckRoom(room, context_id));
    place = room.place;
  }
  if (!place.ok()) return place.status();
  ASSIGN_OR_RETURN(const auto import, NewImportInto(mirrors, **place, context_id, now_ms));
  ASSIGN_OR_RETURN(std::vector<std::string> left_out, CopyContents(with, *import, go_on));
  for (const std::string& table : import->guarded()) {
    left_out.push_back(absl::StrCat("the row security of table '", table, "', so nobody has rights on it"));
  }
  return ReplacedMirror{
      .kept = import->kept(), .left_out = std::move(left_out), .was_deleted = import->was_deleted()};
}

std::unique_ptr<MirrorCopy> NewPlacedCopy(PlacedMirrors& mirrors, const std::string& context_id,
                                          std::unique_ptr<MirrorCopy> file) {
  return std::make_unique<PlacedCopy>(mirrors, context_id, std::move(file));
}

}  // namespace mirror
