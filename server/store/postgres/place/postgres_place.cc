#include "server/store/postgres/place/postgres_place.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

/// A merge, or a check of each row of a table, may send nothing for this time.
constexpr std::chrono::minutes kScanAnswer{10};
/// Added to PlaceOptions::patience, which is the time limit for getting a connection. It is short, because
/// many places may be examined one after another, and a machine that is off sends nothing.
constexpr std::chrono::seconds kLookWithin{3};

postgres::ConnectAs ConnectTo(const PlaceOptions& options) {
  return {.conninfo = options.conninfo,
          .passfile = options.passfile,
          .application_name = options.application_name,
          .tables_only = true};
}

constexpr std::array<std::pair<PlaceUse, const char*>, 3> kUsesOfPools = {
    {{PlaceUse::kWrite, "writing"}, {PlaceUse::kRead, "reading"}, {PlaceUse::kScan, "scanning"}}};

/// `at`: the name of a worker, for messages; empty: the coordinator.
std::array<std::unique_ptr<postgres::Pool>, 3> PoolsFor(const PlaceOptions& options, const std::string& at) {
  std::array<std::unique_ptr<postgres::Pool>, 3> pools;
  for (const auto& [use, doing] : kUsesOfPools) {
    postgres::PoolOptions pool;
    pool.connect_as = ConnectTo(options);
    pool.connect_as.settings = SessionSettings(use);
    if (options.kind == PlaceKind::kCitus && at.empty()) {
      for (auto& setting : CoordinatorSettings()) pool.connect_as.settings.push_back(std::move(setting));
    }
    if (use == PlaceUse::kScan) pool.connect_as.answer_within = kScanAnswer;
    pool.name = absl::StrCat("place '", options.name, "', ", at, doing);
    pool.connections = options.connections;
    pools[static_cast<std::size_t>(use)] = std::make_unique<postgres::Pool>(std::move(pool));
  }
  return pools;
}

std::string NameOf(const CitusNode& node) { return absl::StrCat(node.host, ":", node.port); }

absl::StatusOr<NodeLease> Lent(absl::StatusOr<postgres::Lease> lease, const NodeRole& role) {
  if (!lease.ok()) return lease.status();
  return NodeLease{*std::move(lease), role};
}

}  // namespace

PostgresPlace::PostgresPlace(const PlaceOptions& options, std::int64_t since_ms)
    : options_(options),
      since_ms_(since_ms),
      pools_(PoolsFor(options, "")),
      value_room_(options.value_room_bytes) {}

std::unique_ptr<PostgresPlace> PostgresPlace::Closed(const PlaceOptions& options, std::int64_t now_ms) {
  return std::unique_ptr<PostgresPlace>(new PostgresPlace(options, now_ms));
}

absl::StatusOr<std::unique_ptr<PostgresPlace>> PostgresPlace::Open(const PlaceOptions& options) {
  std::unique_ptr<PostgresPlace> place = Closed(options);
  RETURN_IF_ERROR(place->Admit());
  return place;
}

absl::Status PostgresPlace::Admit(const Check& check) {
  if (is_open_) return absl::OkStatus();
  absl::Status failed = Examine();
  const bool is_fit = failed.ok();
  if (is_fit && check) failed = Ask(check);
  {
    const MutexLock lock(mutex_);
    failed_ = failed;
    is_open_ = failed.ok();
  }
  if (is_fit) return failed;
  absl::Status named(failed.code(),
                     absl::StrCat("place '", options_.name, "': ", std::string(failed.message())));
  failed.ForEachPayload([&named](auto type, const auto& payload) { named.SetPayload(type, payload); });
  return named;
}

absl::Status PostgresPlace::Examine() {
  postgres::ConnectAs connect = ConnectTo(options_);
  connect.connect_within = kLookWithin;
  const auto connection = postgres::Connection::Open(connect);
  absl::Status checked = connection.ok() ? CheckPlace(**connection) : connection.status();
  if (checked.ok() && options_.kind == PlaceKind::kCitus) checked = CheckCoordinator(**connection);
  if (!checked.ok()) return checked;
  ASSIGN_OR_RETURN(std::string database, WhichDatabase(**connection));
  const MutexLock lock(mutex_);
  database_ = std::move(database);
  return absl::OkStatus();
}

absl::Status PostgresPlace::Ask(const Check& check) const {
  const absl::StatusOr<postgres::Lease> lease = PoolOf(PlaceUse::kRead).Take(options_.patience);
  return lease.ok() ? check(**lease) : lease.status();
}

std::string PostgresPlace::database() const {
  const MutexLock lock(mutex_);
  return database_;
}

std::string PostgresPlace::WhyClosed() const {
  if (is_open_) return "";
  absl::Status failed;
  {
    const MutexLock lock(mutex_);
    failed = failed_;
  }
  const std::string name = absl::StrCat("the place '", options_.name, "'"),
                    since = FormatUnixTime(since_ms_ / 1'000);
  if (failed.ok() || DoesNotAnswer(failed)) {
    return absl::StrCat(
        name, " has not answered this server since its start, ", since,
        failed.ok() ? "" : absl::StrCat(" (", std::string(failed.message()), ")"),
        ". Nothing was done, and the same call again is safe: the server tries the place every few seconds, "
        "and serves its mirrors when it answers. Check that this PostgreSQL runs, and that this machine "
        "reaches it.");
  }
  return absl::StrCat(name, ", which did not answer at this server's start, ", since,
                      ", answers now, but it is kept closed: ", std::string(failed.message()),
                      ". Nothing was read or written there. Correct that: the server checks the place every "
                      "few seconds, and needs no restart.");
}

absl::StatusOr<postgres::Lease> PostgresPlace::Take(PlaceUse use) {
  if (!is_open_) return absl::UnavailableError(WhyClosed());
  return ToStoreStatus(PoolOf(use).Take(options_.patience), TableOwner::kMirroredTable);
}

absl::StatusOr<NodeLease> PostgresPlace::TakeAt(PlaceUse use, PlaceNode node, const std::string& of) {
  if (options_.kind == PlaceKind::kPlain) return Lent(Take(use), {});
  const NodeRole coordinator{.group = 0, .has_rows = false};
  if (node == PlaceNode::kCoordinator) return Lent(Take(use), coordinator);
  ASSIGN_OR_RETURN(const auto at, NodeOf(of));
  if (!at) return Lent(Take(use), coordinator);
  absl::StatusOr<NodeLease> lease = TakeFrom(*at, use);
  if (lease.ok()) return lease;
  // A DBA may have moved its rows, or given its name, to another node.
  ForgetNode(of);
  const auto now = NodeOf(of);
  return now.ok() && *now && **now != *at ? TakeFrom(**now, use) : std::move(lease);
}

absl::StatusOr<std::optional<CitusNode>> PostgresPlace::NodeOf(const std::string& of) {
  {
    const MutexLock lock(mutex_);
    const auto known = nodes_.find(of);
    if (known != nodes_.end()) return known->second;
  }
  ASSIGN_OR_RETURN(const postgres::Lease lease, Take(PlaceUse::kRead));
  absl::StatusOr<std::optional<CitusNode>> found = FindNode(*lease, of);
  if (found.ok() && *found) {
    const MutexLock lock(mutex_);
    nodes_.insert_or_assign(of, **found);
  }
  return found;
}

absl::StatusOr<NodeLease> PostgresPlace::TakeFrom(const CitusNode& node, PlaceUse use) {
  // The coordinator may have rows, too. Its own name for itself is often "localhost".
  if (node.group == 0) return Lent(Take(use), {.group = 0, .has_rows = true});
  postgres::Pool* pool = nullptr;
  {
    const MutexLock lock(mutex_);
    const std::string name = NameOf(node);
    auto found = workers_.find(name);
    if (found == workers_.end()) {
      ASSIGN_OR_RETURN(std::string conninfo, ConninfoAt(options_.conninfo, node));
      PlaceOptions there = options_;
      there.conninfo = std::move(conninfo);
      found = workers_.emplace(name, PoolsFor(there, absl::StrCat("worker ", name, ", "))).first;
    }
    pool = found->second[static_cast<std::size_t>(use)].get();
  }
  absl::StatusOr<postgres::Lease> lease = pool->Take(options_.patience);
  if (lease.ok()) return NodeLease{*std::move(lease), {.group = node.group, .has_rows = true}};
  const absl::Status failed = ToStoreStatus(lease.status(), TableOwner::kMirroredTable);
  return absl::Status(failed.code(),
                      absl::StrCat("place '", options_.name, "', worker ", NameOf(node),
                                   ", which has the mirror's rows: ", std::string(failed.message())));
}

void PostgresPlace::ForgetNode(const std::string& of) {
  const MutexLock lock(mutex_);
  nodes_.erase(of);
}

bool DoesNotAnswer(const absl::Status& failed) {
  const postgres::Trouble trouble = postgres::TroubleOf(failed);
  return trouble == postgres::Trouble::kNotReady || trouble == postgres::Trouble::kLost ||
         trouble == postgres::Trouble::kTooMany;
}

void PostgresPlace::Reconnect() {
  for (const auto& pool : pools_) pool->Renew();
  const MutexLock lock(mutex_);
  nodes_.clear();
  for (const auto& [name, pools] : workers_) {
    for (const auto& pool : pools) pool->Renew();
  }
}

ValueRoom::Share::~Share() {
  if (room_ == nullptr) return;
  const MutexLock lock(room_->mutex_);
  room_->bytes_ -= bytes_;
  room_->changed_.NotifyAll();
}

ValueRoom::Share ValueRoom::Take(std::uint64_t bytes) {
  if (bytes == 0) return Share();
  const MutexLock lock(mutex_);
  const std::uint64_t number = next_++;
  while (turn_ != number || (bytes_ != 0 && bytes_ + bytes > bytes_max_)) changed_.Wait(mutex_);
  ++turn_;
  bytes_ += bytes;
  changed_.NotifyAll();
  return Share(*this, bytes);
}

std::size_t ValueRoom::waiting() {
  const MutexLock lock(mutex_);
  return static_cast<std::size_t>(next_ - turn_);
}

}  // namespace mirror
