#ifndef MIRROR_SERVER_HTTP_HTTP_CALL_H_
#define MIRROR_SERVER_HTTP_HTTP_CALL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "base/json_document.h"
#include "base/json_writer.h"
#include "certs/api_key.h"
#include "server/records/record_request.h"

namespace mirror {

/// A request that was let in.
struct HttpCall {
  HttpHead head;
  HttpTarget target;
  std::vector<std::string> parts;     ///< What stands in the place of the route's {...}, in their order.
  std::shared_ptr<const ApiKey> key;  ///< Null: the route asks for none.
  std::string body;
  std::int64_t now_ms = 0;

  /// One value of the query; absent: it is not there. Of several the first.
  std::optional<std::string> Query(std::string_view name) const;
  bool Sees(std::string_view storage) const { return key == nullptr || key->IsFor(storage); }
};

inline constexpr std::size_t kPageMax = 1'000;
inline constexpr std::size_t kPageDefault = 100;

/// What the query says of a page.
struct AskedPage {
  std::size_t limit = kPageDefault;
  std::optional<std::string> start_after;
};
/// Errors: kInvalidArgument: the limit is not 1 to kPageMax.
absl::StatusOr<AskedPage> PageOf(const HttpCall& call);

/// `?erase=now`: what is deleted leaves the files before the answer. Errors: kInvalidArgument: another value.
absl::StatusOr<bool> ErasesNow(const HttpCall& call);

/// The body as a JSON object. Errors: kInvalidArgument, with the place and what to do.
absl::StatusOr<JsonDocument> JsonBody(const HttpCall& call);
/// A member that is a text. Absent: it is not there, or null. Errors: kInvalidArgument: it is something else.
absl::StatusOr<std::optional<std::string>> TextMember(const JsonView& object, std::string_view name);
/// What the caller should know beside the answer, above all what of the request is not known here, and so was
/// ignored: goes into `warnings` of the answer.
class Warnings {
 public:
  /// Members of `object` that are none of these.
  void AddUnknown(const JsonView& object, const std::vector<std::string_view>& known);
  void AddMember(std::string_view name);
  void AddFeature(std::string_view name);
  /// A sentence of ours.
  void AddText(std::string text);
  /// The member "warnings", where there is something: kWarningsMax of them, and how many more there are.
  void WriteTo(JsonWriter* json) const;

 private:
  void Add(std::string_view what, std::string_view name);

  std::vector<std::string> texts_;
  std::uint64_t more_ = 0;
};
inline constexpr std::size_t kWarningsMax = 20;
/// `featuresOn`: those of `known` that are on; others are warned of. Errors: kInvalidArgument: it is no list
/// of texts.
absl::StatusOr<std::vector<std::string>> FeaturesOf(const JsonView& object,
                                                    const std::vector<std::string_view>& known,
                                                    Warnings* warnings);
bool Has(const std::vector<std::string>& features, std::string_view feature);

/// The members that begin every page; `values` follows.
void BeginPage(const AskedPage& asked, const std::optional<std::string>& next, std::uint64_t total,
               JsonWriter* json);

/// How a repetition of the call is known, by its Idempotency-Key: bound to the API key, to what is asked of
/// whom, and to the body. Absent: the caller gave none. Errors: kInvalidArgument.
absl::StatusOr<std::optional<RememberedRequest>> RememberOf(const HttpCall& call, std::string_view what,
                                                            std::string_view of_whom, std::string_view body);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_CALL_H_
