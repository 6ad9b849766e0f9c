#include "server/store/postgres/place/postgres_place.h"

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

/// A merge or a look at each row of a table may be silent for so long.
constexpr std::chrono::minutes kScanAnswer{10};

postgres::ConnectAs ConnectTo(const PlaceOptions& options) {
  return {.conninfo = options.conninfo,
          .passfile = options.passfile,
          .application_name = options.application_name};
}

postgres::PoolOptions PoolFor(const PlaceOptions& options, PlaceUse use, const char* doing) {
  postgres::PoolOptions pool;
  pool.connect_as = ConnectTo(options);
  pool.connect_as.settings = SessionSettings(use);
  if (use == PlaceUse::kScan) pool.connect_as.answer_within = kScanAnswer;
  pool.name = absl::StrCat("place '", options.name, "', ", doing);
  pool.connections = options.connections;
  return pool;
}

}  // namespace

PostgresPlace::PostgresPlace(const PlaceOptions& options)
    : options_(options),
      pools_{std::make_unique<postgres::Pool>(PoolFor(options, PlaceUse::kWrite, "writing")),
             std::make_unique<postgres::Pool>(PoolFor(options, PlaceUse::kRead, "reading")),
             std::make_unique<postgres::Pool>(PoolFor(options, PlaceUse::kScan, "scanning"))} {}

absl::StatusOr<std::unique_ptr<PostgresPlace>> PostgresPlace::Open(const PlaceOptions& options) {
  const auto connection = postgres::Connection::Open(ConnectTo(options));
  if (!connection.ok()) return connection.status();
  if (absl::Status checked = CheckPlace(**connection); !checked.ok()) {
    return absl::Status(checked.code(),
                        absl::StrCat("place '", options.name, "': ", std::string(checked.message())));
  }
  return std::unique_ptr<PostgresPlace>(new PostgresPlace(options));
}

absl::StatusOr<postgres::Lease> PostgresPlace::Take(PlaceUse use) {
  absl::StatusOr<postgres::Lease> lease = PoolOf(use).Take(options_.patience);
  if (!lease.ok()) return InStoreWords(lease.status(), Touched::kMirroredTable);
  return lease;
}

void PostgresPlace::Reconnect() {
  for (const auto& pool : pools_) pool->Renew();
}

}  // namespace mirror
