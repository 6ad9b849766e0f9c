#include "proto/wire/receipt.h"

#include <openssl/evp.h>

#include <bit>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kHashBytes = 32;

static_assert(std::endian::native == std::endian::little, "arrays are hashed as they lie in memory");

template <typename T>
std::string_view BytesOf(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

absl::Status NoReceipt() { return absl::InvalidArgumentError("it is not a receipt of a mirror"); }

bool ReadHex(const std::string& text, std::size_t bytes, std::string* into) {
  std::optional<std::string> read = BytesOfHex(text, bytes);
  if (read) *into = *std::move(read);
  return read.has_value();
}

/// Stops the program if a hash fails for lack of memory: without it there is no proof.
void Must(bool good) {
  if (!good) std::abort();
}

}  // namespace

std::string HexOf(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

std::optional<std::string> BytesOfHex(std::string_view text, std::size_t bytes) {
  if (text.size() != 2 * bytes) return std::nullopt;
  if (text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  return absl::HexStringToBytes(absl::string_view(text.data(), text.size()));
}

std::string ReceiptText(const Receipt& receipt) {
  const Json json = {{"number", receipt.number},
                     {"context_id", receipt.context_id},
                     {"table", receipt.table},
                     {"cycle", receipt.cycle},
                     {"lsn", receipt.position.lsn.value},
                     {"lineage", HexOf(receipt.position.lineage)},
                     {"populated", receipt.populated},
                     {"batches", receipt.batches},
                     {"inserts", receipt.inserts},
                     {"updates", receipt.updates},
                     {"deletes", receipt.deletes},
                     {"content", HexOf(receipt.content)},
                     {"previous", HexOf(receipt.previous)},
                     {"time_ms", receipt.time_ms}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Receipt> ParseReceipt(std::string_view text) {
  if (text.size() > kReceiptBytesMax) return NoReceipt();
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NoReceipt();
  Receipt receipt;
  try {
    receipt.number = json.at("number").get<std::uint64_t>();
    receipt.context_id = json.at("context_id").get<std::string>();
    receipt.table = json.at("table").get<std::string>();
    receipt.cycle = json.at("cycle").get<std::int64_t>();
    receipt.position.lsn = Lsn{json.at("lsn").get<std::int64_t>()};
    const auto lineage = json.at("lineage").get<std::string>();
    if (!ReadHex(lineage, lineage.size() / 2, &receipt.position.lineage)) return NoReceipt();
    receipt.populated = json.at("populated").get<bool>();
    receipt.batches = json.at("batches").get<std::uint64_t>();
    receipt.inserts = json.at("inserts").get<std::uint64_t>();
    receipt.updates = json.at("updates").get<std::uint64_t>();
    receipt.deletes = json.at("deletes").get<std::uint64_t>();
    receipt.time_ms = json.at("time_ms").get<std::int64_t>();
    if (!ReadHex(json.at("content").get<std::string>(), kHashBytes, &receipt.content)) return NoReceipt();
    const auto previous = json.at("previous").get<std::string>();
    if (!previous.empty() && !ReadHex(previous, kHashBytes, &receipt.previous)) return NoReceipt();
  } catch (const Json::exception&) {
    return NoReceipt();
  }
  if (receipt.number == 0) return NoReceipt();
  return receipt;
}

struct Sha256Stream::State {
  State() : context(EVP_MD_CTX_new()) {
    Must(context != nullptr);
    Begin();
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  void Begin() { Must(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1); }
  EVP_MD_CTX* context;
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&& other) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&& other) noexcept = default;

void Sha256Stream::Add(std::string_view bytes) {
  Must(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256Stream::Finish() {
  std::string hash(kHashBytes, '\0');
  Must(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(hash.data()), nullptr) == 1);
  state_->Begin();
  return hash;
}

std::string HashOf(std::string_view bytes) {
  Sha256Stream sha;
  sha.Add(bytes);
  return sha.Finish();
}

BatchHasher::BatchHasher(std::uint8_t operation, std::uint32_t rows, std::uint32_t columns) {
  sha_.AddNumber(operation);
  sha_.AddNumber(rows);
  sha_.AddNumber(columns);
}

void BatchHasher::Add(const Column& column, std::span<const LargeValue> large) {
  sha_.AddNumber(column.index);
  for (const std::string_view array : {BytesOf(column.ints), BytesOf(column.doubles), column.data,
                                       BytesOf(column.lengths), column.nulls, column.kinds}) {
    sha_.AddNumber(static_cast<std::uint64_t>(array.size()));
    sha_.Add(array);
  }
  sha_.AddNumber(static_cast<std::uint32_t>(large.size()));
  for (const LargeValue& value : large) {
    sha_.AddNumber(value.row);
    sha_.AddNumber(value.size);
  }
}

std::string BatchDigest(const ChangeBatch& batch, const std::vector<std::uint32_t>& origin) {
  BatchHasher hasher(static_cast<std::uint8_t>(batch.operation), batch.row_count,
                     static_cast<std::uint32_t>(batch.columns.size()));
  std::vector<std::uint32_t> lengths;
  for (const ColumnView& view : batch.columns) {
    lengths.clear();
    for (std::size_t i = 1; i < view.starts.size(); ++i)
      lengths.push_back(view.starts[i] - view.starts[i - 1]);
    hasher.Add({origin.empty() ? view.column : origin[view.column], view.ints, view.doubles, view.data,
                lengths, view.nulls, view.kinds},
               view.large);
  }
  return hasher.Finish();
}

const std::string& EmptyBatchDigest() {
  static const std::string* const digest =
      new std::string(BatchHasher(static_cast<std::uint8_t>(Operation::kInsert), 0, 0).Finish());
  return *digest;
}

std::string WithLargeValues(const std::string& digest, const std::vector<std::string>& values) {
  if (values.empty()) return digest;
  Sha256Stream sha;
  sha.Add(digest);
  for (const std::string& value : values) sha.Add(value);
  return sha.Finish();
}

std::string AddContent(const std::string& before, const std::string& batch) {
  Sha256Stream sha;
  sha.Add(before.empty() ? std::string(kHashBytes, '\0') : before);
  sha.Add(batch);
  return sha.Finish();
}

}  // namespace mirror
