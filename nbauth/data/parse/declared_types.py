"""What services call the types of their columns, as kinds that a frame knows.

The names are those of Kusto (learn.microsoft.com/kusto/query/scalar-data-types), .NET's in Kusto's first version, SQL's
as Databricks, Snowflake, Trino, ClickHouse, BigQuery and Pinot write them, Elasticsearch's field types, Google
Analytics' `MetricType`, Table Schema's, which pandas writes, and Socrata's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbauth.data.build.type_rules import Declared

__all__ = ["declared"]

_NAMES: dict[Declared, str] = {
    "bool": "bool boolean bit checkbox",
    "int": (
        "int int8 int16 int32 int64 int128 int256 uint uint8 uint16 uint32 uint64 uint128 uint256 integer long bigint "
        "smallint tinyint mediumint short byte sbyte unsigned_long counter_integer counter_long int2 int4 ulong"
    ),
    "float": (
        "float float16 float32 float64 float4 float8 double real half_float scaled_float counter_double percent "
        "doubleprecision single"
    ),
    "number": (
        "number currency seconds milliseconds minutes hours standard feet miles meters kilometers money bfloat16"
    ),
    "decimal": "decimal numeric bignumeric dec sqldecimal bigdecimal decimal32 decimal64 decimal128 decimal256",
    "text": (
        "string text varchar char nvarchar nchar bpchar charactervarying character keyword constant_keyword wildcard "
        "guid uuid uniqueidentifier ip ipv4 ipv6 bytes binary varbinary fixedstring enum enum8 enum16 version url time "
        "time_without_time_zone json_string utf8"
    ),
    "time": (
        "datetime datetime2 datetimeoffset smalldatetime datetime64 timestamp timestamp_ntz date date32 date_nanos "
        "timestampwithtimezone timestamp_ltz timestamp_tz timestampwithouttimezone timestampltz timestamptz "
        "calendar_date floating_timestamp fixed_timestamp dateonly"
    ),
    "span": "timespan duration",
    "any": "dynamic object array variant json struct map row super nested record tuple flattened any",
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_WRAPPED = re.compile(r"(?:nullable|lowcardinality)\((.*)\)")
_PARAMETERS = re.compile(r"\(.*?\)|<.*>")


def declared(type_name: object) -> Declared | None:
    """Return the kind that a type's name says; None where it is none that is known.

    Args:
        type_name: the name, in any case and with its parameters, as ``decimal(10,2)`` or ``Nullable(UInt64)``.
    """
    if isinstance(type_name, list):  # as in ["null", "string"]
        names = [name for name in type_name if name != "null"]
        type_name = names[0] if len(names) == 1 else None
    if isinstance(type_name, dict):  # as in {"code": "INT64"} of Spanner and {"name": "INTEGER"} of Dremio
        type_name = type_name.get("code") or type_name.get("name")
    if not isinstance(type_name, str):
        return None
    name = type_name.strip().lower().removeprefix("system.").removeprefix("data.sqltypes.").removeprefix("type_")
    while wrapped := _WRAPPED.fullmatch(name):
        name = wrapped[1]
    name = _PARAMETERS.sub("", name).strip()
    if name.endswith(("[]", "_array")):
        return "any"
    return _KINDS.get(name) or _KINDS.get(name.replace(" ", ""))
