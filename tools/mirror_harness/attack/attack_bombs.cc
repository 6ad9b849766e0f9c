// Attacks by messages that are small on the wire and large in memory, or large on the wire.
#include <zlib.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/raw_http2.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

constexpr std::size_t kMegabyte = 1 << 20;
/// Slightly less than an endpoint with the default limits accepts in one message.
constexpr std::size_t kNearlyAMessage = 16 * kMegabyte - 4'096;

/// Number of the field ColumnData.lengths.
constexpr int kLengthsField = 5;

const RawHttp2::Headers kGzipped = {{"grpc-encoding", "gzip"}};

std::string Path(const std::string& method) { return "/mirror.v1.MirrorClientService/" + method; }

/// Sends a body unchanged, over a new connection.
Outcome SendWith(const std::string& token, const Target& target, const std::string& method,
                 const std::string& body, const RawHttp2::Headers& more = {}) {
  absl::StatusOr<std::unique_ptr<RawHttp2>> connection = RawHttp2::Connect(target.endpoint());
  if (!connection.ok()) return OutcomeOf(connection.status());
  (*connection)->Call(1, Path(method), token, more);
  (*connection)->Body(1, body, true);
  return (*connection)->Await(1, kAttackPatience);
}

/// Sends a body unchanged, as a call of the victim.
Outcome SendBody(Target& target, const std::string& method, const std::string& body,
                 const RawHttp2::Headers& more = {}) {
  return target.CheckVictim(SendWith(target.CallToken(target.Tenant("victim")), target, method, body, more));
}

std::string Framed(const std::string& message) {
  return MessagePrefix(false, static_cast<std::uint32_t>(message.size())) + message;
}

std::string Varint(std::uint64_t number) {
  std::string bytes;
  for (; number >= 128; number >>= 7U) bytes += static_cast<char>((number & 127U) | 128U);
  return bytes += static_cast<char>(number);
}

/// Returns a field of bytes or of a message in protobuf's encoding.
std::string Field(int number, const std::string& content) {
  return Varint(static_cast<std::uint64_t>(number) << 3U | 2U) + Varint(content.size()) + content;
}

std::string Times(std::size_t count, const std::string& piece) {
  std::string bytes;
  bytes.reserve(count * piece.size());
  for (std::size_t i = 0; i < count; ++i) bytes += piece;
  return bytes;
}

/// Returns the encoded field with the running cycle, so that the request is not refused because of its cycle.
std::string CycleField(const Target& target) {
  return Varint(1U << 3U) + Varint(static_cast<std::uint64_t>(target.cycle()) << 1U);
}

/// Makes an attack by a message with as many empty entries of `field` as it can have. They are inside the
/// fields `outer`, the outermost first.
Attack::Run Empties(const std::string& method, std::vector<int> outer, int field) {
  return [method, outer = std::move(outer), field](Target& target) {
    std::string message = Times(kNearlyAMessage / 2, Field(field, ""));
    for (auto around = outer.rbegin(); around != outer.rend(); ++around) message = Field(*around, message);
    return SendBody(target, method, Framed(CycleField(target) + message));
  };
}

/// Returns `bytes` zeros, compressed to about a thousandth of their size.
std::string ZippedZeros(std::size_t bytes) {
  z_stream stream = {};
  constexpr int kGzip = 15 + 16;
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY);
  std::string zeros(kMegabyte, '\0'), out, piece(kMegabyte, '\0');
  for (std::size_t done = 0; done < bytes; done += zeros.size()) {
    stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
    stream.avail_in = static_cast<uInt>(zeros.size());
    const bool last = done + zeros.size() >= bytes;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = static_cast<uInt>(piece.size());
      deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
      out.append(piece, 0, piece.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return out;
}

std::string ZippedBody(std::size_t bytes) {
  const std::string zipped = ZippedZeros(bytes);
  return MessagePrefix(true, static_cast<std::uint32_t>(zipped.size())) + zipped;
}

Attack::Run Large(std::size_t bytes) {
  return [bytes](Target& target) {
    v1::ChangeBatch batch = target.GoodBatch();
    batch.mutable_columns(kName)->set_data(std::string(bytes, 'x'));
    const auto client = target.NewClient(target.Tenant("victim"));
    // The endpoint would end the connection of an unknown client. This connection has authenticated as a
    // source.
    const absl::Status known = client->Authenticate("somebody", false, true).status();
    if (!known.ok()) return OutcomeOf(known);
    Outcome outcome = OutcomeOf(client->RowData(target.Request(batch)).status());
    absl::StatusOr<std::unique_ptr<RowStream>> stream = client->OpenRowStream();
    if (!stream.ok()) return OutcomeOf(stream.status());
    (*stream)->Send(target.Request(batch)).IgnoreError();  // The stream may end before the message is sent.
    AddOutcome(OutcomeOf((*stream)->Receive().status()), &outcome);
    return target.CheckVictim(outcome);
  };
}

Attack::Run Bytes(const std::string& method, const std::string& body) {
  return [method, body](Target& target) { return SendBody(target, method, body); };
}

std::vector<Attack> Sizes() {
  return {
      {"message-17-mb", "A request over the limit, as a call and on a stream.", kIsExhausted,
       Large(17 * kMegabyte)},
      {"message-40-mb", "A request far over the limit.", kIsExhausted, Large(40 * kMegabyte)},
      {"rows-over-limit", "A batch of 1,000,001 rows.", kIsExhausted, Batch([](auto& b) {
         b.set_operation(v1::OPERATION_DELETE);
         while (b.columns_size() > 1) b.mutable_columns()->RemoveLast();
         b.set_row_count(1'000'001);
         b.mutable_columns(0)->mutable_ints()->Resize(1'000'001, 7);
       })},
      {"cells-over-limit", "A row count of a million with eleven columns.", kIsExhausted, Batch([](auto& b) {
         b.set_row_count(1'000'000);
         *b.add_columns() = b.columns(0);
       })},
      {"zip-bomb", "A gigabyte of zeros, which gzip packs into a megabyte.",
       "RESOURCE_EXHAUSTED|UNIMPLEMENTED",
       [](Target& target) { return SendBody(target, "RowData", ZippedBody(1'024 * kMegabyte), kGzipped); }},
      {"zip-bomb-without-a-token", "The same from a stranger without a token.",
       "RESOURCE_EXHAUSTED|UNAUTHENTICATED|UNIMPLEMENTED",
       [](Target& target) {
         return SendWith("", target, "RowData", ZippedBody(1'024 * kMegabyte), kGzipped);
       }},
  };
}

std::vector<Attack> EmptyEntries() {
  return {
      {"tables-million", "Eight million empty tables in a TableSchema.", kIsExhausted,
       Empties("TableSchema", {}, 3)},
      {"columns-million", "A table of eight million empty columns.", kIsExhausted,
       Empties("TableSchema", {3}, 2)},
      {"batches-million", "Eight million empty batches in a request.", kIsExhausted,
       Empties("RowData", {}, 3)},
      {"batches-million-stream", "The same on a stream.", kIsExhausted, Empties("RowDataStream", {}, 3)},
      {"batch-columns-million", "A batch of eight million empty columns.", kIsExhausted,
       Empties("RowData", {3}, 10)},
      {"parts-million", "Eight million empty pieces.", kIsExhausted, Empties("RowData", {}, 2)},
      {"large-million", "A column of eight million values in parts.", kIsExhausted,
       Empties("RowData", {3, 10}, 8)},
      {"advance-million", "An advance of eight million tables.", kIsExhausted, Empties("RowData", {4}, 2)},
      {"summaries-million", "A ReplicationCompleted of eight million tables.", kIsExhausted,
       Empties("ReplicationCompleted", {}, 2)},
      {"stale-million", "A ReplicationCompleted of eight million names of stale tables.", kIsExhausted,
       Empties("ReplicationCompleted", {}, 4)},
      {"ranges-million", "DigestRanges of eight million ranges.", kIsExhausted,
       Empties("DigestRanges", {}, 4)},
      {"bounds-million", "A range with eight million bounds.", kIsExhausted, Empties("ReadRows", {6}, 1)},
      {"unknown-million", "Eight million unknown fields.", kIsExhausted, Empties("RowData", {}, 15)},
  };
}

std::vector<Attack> Crowds() {
  return {
      {"tables-million-without-a-token", "Eight million empty tables from a stranger without a token.",
       "RESOURCE_EXHAUSTED|UNAUTHENTICATED",
       [](Target& target) {
         return SendWith("", target, "TableSchema", Framed(Times(kNearlyAMessage / 2, Field(3, ""))));
       }},
      {"lengths-million",
       "Sixteen requests at once, each with a bad batch of sixteen million lengths of one byte each.",
       "CLOSED|OK|RESOURCE_EXHAUSTED",
       [](Target& target) {
         const std::string column = Field(kLengthsField, std::string(kNearlyAMessage, '\1'));
         const std::string body = Framed(CycleField(target) + Field(3, Field(10, column)));
         return target.CheckVictim(InParallel(16, [&](int) {
           return SendWith(target.CallToken(target.Tenant("victim")), target, "RowData", body);
         }));
       }},
      {"tables-10001", "One table more than a tenant may have.", kIsExhausted,
       [](Target& target) {
         v1::TableSchemaRequest request = target.Announcement();
         for (int i = 0; i < 10'000; ++i) {
           *request.add_tables() = request.tables(0);
           request.mutable_tables(i + 1)->set_name(absl::StrCat("t", i));
         }
         return target.CheckVictim(OutcomeOf(target.victim().TableSchema(request).status()));
       }},
      {"columns-two-million",
       "700 tables of 2,000 columns, within every limit except that for the entries of one message.",
       kIsExhausted,
       [](Target& target) {
         v1::Table table;
         for (int i = 0; i < 2'000; ++i) {
           v1::Column* column = table.add_columns();
           column->set_name(absl::StrCat(i));
           column->set_type(v1::TYPE_BOOL);
         }
         const std::string columns = table.SerializeAsString();
         std::string message = target.Announcement().SerializeAsString();
         for (int i = 0; i < 700; ++i) message += Field(3, Field(1, absl::StrCat("t", i)) + columns);
         return SendBody(target, "TableSchema", Framed(message));
       }},
  };
}

std::vector<Attack> Garbage() {
  std::string bytes;
  std::uint32_t state = 7;
  for (int i = 0; i < 10'000; ++i) {
    state = state * 1'664'525U + 1'013'904'223U;
    bytes += static_cast<char>(state >> 24U);
  }
  const std::string noise = Framed(bytes), bad_text = Framed(Field(3, Field(1, "\xff\xfe")));
  return {
      {"noise", "Bytes that are no message.", kIsInvalid, Bytes("RowData", noise)},
      {"noise-stream", "The same on a stream, which must not count as its end.", kIsInvalid,
       Bytes("RowDataStream", noise)},
      {"noise-schema", "The same as a TableSchema.", kIsInvalid, Bytes("TableSchema", noise)},
      {"name-not-utf8", "A table's name that is not UTF-8.", kIsInvalid, Bytes("RowData", bad_text)},
      {"name-not-utf8-schema", "The same in a TableSchema.", kIsInvalid, Bytes("TableSchema", bad_text)},
      {"groups-nested", "A million nested groups, in an unknown field.",
       "INVALID_ARGUMENT|RESOURCE_EXHAUSTED",
       Bytes("RowData", Framed(std::string(kMegabyte, static_cast<char>(15 << 3 | 3))))},
      {"message-cut", "A message that ends in the middle of a field.", kIsInvalid,
       Bytes("RowData", Framed(Field(3, std::string(100, 'x')).substr(0, 50)))},
      {"no-message", "A call without a message.", "INTERNAL|INVALID_ARGUMENT|UNIMPLEMENTED",
       Bytes("RowData", "")},
      {"two-messages", "A call with two messages instead of one.",
       "ABORTED|INTERNAL|INVALID_ARGUMENT|UNIMPLEMENTED", Bytes("RowData", Framed("") + Framed(""))},
      {"length-4-gb", "A message that ends at once, with a length of four gigabytes.",
       "INVALID_ARGUMENT|RESOURCE_EXHAUSTED", Bytes("RowData", MessagePrefix(false, 0xFFFFFFFFU) + "x")},
  };
}

}  // namespace

Theme BombAttacks() { return {"bombs", Together({Sizes, EmptyEntries, Crowds, Garbage})}; }

}  // namespace mirror::harness
