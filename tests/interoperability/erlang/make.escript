#!/usr/bin/env escript
%% Prints tokens that erlang-jose has signed, for each algorithm that it and the filter know. It makes the keys itself.
-mode(compile).

main([]) ->
    {ok, _} = application:ensure_all_started(jose),
    {ok, Version} = application:get_key(jose, vsn),
    Rsa = jose_jwk:generate_key({rsa, 2048}),
    Secrets = [{Name, Name, jose_jwk:generate_key({oct, 64})} || Name <- [<<"HS256">>, <<"HS384">>, <<"HS512">>]],
    RsaNames = [<<"RS256">>, <<"RS384">>, <<"RS512">>, <<"PS256">>, <<"PS384">>, <<"PS512">>],
    Curves = [{<<"ES256">>, <<"P-256">>}, {<<"ES384">>, <<"P-384">>}, {<<"ES512">>, <<"P-521">>}],
    All = Secrets
        ++ [{Name, Name, Rsa} || Name <- RsaNames]
        ++ [{Name, Name, jose_jwk:generate_key({ec, Curve})} || {Name, Curve} <- Curves]
        ++ [{<<"EdDSA on Ed25519">>, <<"EdDSA">>, jose_jwk:generate_key({okp, 'Ed25519'})},
            {<<"EdDSA on Ed448">>, <<"EdDSA">>, jose_jwk:generate_key({okp, 'Ed448'})}],
    Tokens = [made(One) || One <- All],
    io:put_chars(jose:encode(#{
        <<"library">> => <<"erlang-jose">>,
        <<"language">> => <<"Erlang">>,
        <<"version">> => list_to_binary(Version),
        <<"tokens">> => Tokens
    })).

made({Name, Alg, Key}) ->
    Claims = #{
        <<"iss">> => <<"erlang-jose/", Name/binary>>,
        <<"sub">> => <<"interoperability">>,
        <<"exp">> => 4102444800 % 2100-01-01
    },
    {_, Token} = jose_jws:compact(jose_jwt:sign(Key, #{<<"alg">> => Alg}, Claims)),
    Known = case Alg of <<"HS", _/binary>> -> Key; _ -> jose_jwk:to_public(Key) end,
    {_, Jwk} = jose_jwk:to_map(Known),
    #{<<"name">> => Name, <<"key">> => Jwk, <<"token">> => Token}.
